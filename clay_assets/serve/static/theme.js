// Light or dark: the system's choice until the reader makes one.

import { fill, h, icon } from "./dom.js";

const system = matchMedia("(prefers-color-scheme: dark)");
const listeners = [];
const probe = document.body.appendChild(h("i", { hidden: true }));

/** "light" or "dark", as it shows now. */
export function theme() {
  return document.documentElement.dataset.theme ?? (system.matches ? "dark" : "light");
}

/** A colour of tokens.css under the theme of the moment, as `rgb(...)`. */
export function colour(name) {
  // Read from an element: the property itself would still say light-dark(...).
  probe.style.color = `var(--${name})`;
  return getComputedStyle(probe).color;
}

/** Call `listener` whenever the theme changes. */
export function onTheme(listener) {
  listeners.push(listener);
}

/** Make the other theme the reader's choice. */
export function toggleTheme() {
  const next = theme() === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  try {
    localStorage.setItem("clay-theme", next);
  } catch {
    // Storage may be forbidden; the choice then lasts until the page is closed.
  }
  tell();
}

/** Let `button` toggle the theme. */
export function addThemeButton(button) {
  button.addEventListener("click", toggleTheme);
  const show = () => {
    const other = theme() === "dark" ? "light" : "dark";
    fill(button, icon(other === "light" ? "sun" : "moon"));
    button.setAttribute("aria-label", `Change to the ${other} theme`);
    button.title = `Change to the ${other} theme (T)`;
  };
  onTheme(show);
  show();
}

function tell() {
  for (const listener of listeners) listener();
}

system.addEventListener("change", tell);
