// Building elements. Text is always set as text, never parsed as HTML.

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element with attributes, listeners (`onclick`) and children; null children are left out.
 * @param {string} tag
 * @param {Record<string, any>} attributes
 * @param {...(Node|string|null|undefined|false)} children
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") setStyle(element, value);
    else if (name === "value" || name === "checked") element[name] = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...shown(children));
  return element;
}

/** A button with the look of a class, and what a click on it does. */
export function button(look, onclick, attributes, ...children) {
  return h("button", { type: "button", class: look, onclick, ...attributes }, ...children);
}

/** An icon of icons.svg, hidden from screen readers. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `static/icons.svg#${name}`);
  svg.append(use);
  return svg;
}

/** Replace all children; null ones are left out. */
export function fill(parent, ...children) {
  parent.replaceChildren(...shown(children));
}

function shown(children) {
  return children.flat().filter((child) => ![null, undefined, false].includes(child));
}

function setStyle(element, properties) {
  for (const [name, value] of Object.entries(properties)) element.style.setProperty(name, value);
}
