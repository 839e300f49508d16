// The tools over the map: what a click means, the class of new marks, undo and redo.

import { className, NEGATIVE, POSITIVE } from "./classes.js";
import { classesOf, MARKED_MODES } from "./labels.js";
import { button, fill, h, icon } from "./dom.js";

const TOOLS = [
  ["ask", "pointer", "Ask", "A click asks what looks like it (V)"],
  ["mark", "plus", "Mark", "A click marks; with Shift, as less like (M)"],
  ["lasso", "lasso", "Lasso", "Draw around places to mark them; with Shift, as less like (L)"],
];
const NEW_CLASS = "…";

/** Show the tools in `container`. */
export function addToolbar(container, store, actions) {
  const keys = ["phase", "mode", "tool", "markClass", "labels", "canUndo", "canRedo"];
  store.watch(keys, (state) => {
    container.hidden = state.phase !== "ready" || !MARKED_MODES.includes(state.mode);
    if (container.hidden) return;
    const focused = container.contains(document.activeElement) ? document.activeElement.id : "";
    fill(container,
      h("div",
        { class: "floating segments", role: "radiogroup", "aria-label": "A click on the map" },
        TOOLS.map((tool) => choice(tool, state, actions))),
      state.tool !== "ask" && classChoice(state, actions),
      (state.canUndo || state.canRedo) && steps(state, actions));
    if (focused) document.getElementById(focused)?.focus();
  });
}

function choice([id, sign, label, title], { tool }, actions) {
  return h("label", { title },
    h("input", {
      id: `tool-${id}`, type: "radio", name: "tool", value: id, checked: id === tool,
      "aria-label": label, onchange: () => actions.chooseTool(id),
    }),
    h("span", {}, icon(sign), h("b", {}, label)));
}

function classChoice({ labels, markClass, mode }, actions) {
  const classes = classesOf(labels, markClass);
  const isPlain = classes.every((name) => [POSITIVE, NEGATIVE].includes(name));
  if (isPlain && mode === "similar") {
    return h("div", { class: "floating segments", role: "radiogroup", "aria-label": "Mark as" },
      classes.map((name) =>
        h("label", {},
          h("input", {
            id: `class-${name}`, type: "radio", name: "mark-class", checked: name === markClass,
            onchange: () => actions.chooseClass(name),
          }),
          h("span", { class: name }, className(name)))));
  }
  const choose = ({ target }) => {
    if (target.value !== NEW_CLASS) return actions.chooseClass(target.value);
    const name = prompt("Name of the new class, like water or field:")?.trim().slice(0, 40);
    return actions.chooseClass(name || markClass);
  };
  return h("label", { class: "floating menu" }, h("span", {}, "As"),
    h("select", { id: "mark-class", "aria-label": "Mark as", onchange: choose },
      classes.map((name) =>
        h("option", { value: name, selected: name === markClass }, className(name))),
      h("option", { value: NEW_CLASS }, "A new class…")));
}

function steps({ canUndo, canRedo }, actions) {
  const step = (id, label, keys, can, work) =>
    button("icon-button", work,
      { id, "aria-label": label, title: `${label} (${keys})`, disabled: !can }, icon(id));
  return h("div", { class: "floating steps" },
    step("undo", "Undo", "Ctrl+Z", canUndo, actions.undo),
    step("redo", "Redo", "Ctrl+Shift+Z", canRedo, actions.redo));
}
