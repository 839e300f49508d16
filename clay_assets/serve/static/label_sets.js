// Sets of marks: kept on the server under a name, or in a GeoJSON file, and shared by address.

import { canShare } from "./address.js";
import { ApiError, deleteLabelSet, getLabelSet, listLabelSets, putLabelSet } from "./api.js";
import { POSITIVE } from "./classes.js";
import { button, fill, h, icon } from "./dom.js";
import { download } from "./export.js";
import { labelCollection, labelsOf } from "./labels.js";
import { count } from "./words.js";

/** Add the actions on label sets to `actions`. */
export function addLabelSetActions(store, actions) {
  const told = (work) => async (...values) => {
    try {
      return await work(...values);
    } catch (error) {
      if (error instanceof ApiError) actions.say(`${error.error} ${error.nextStep}`);
      else actions.say(error.message);
      return null;
    }
  };
  const asked = () => {
    const { labels, mode } = store.get();
    if (mode === "similar" && labels.some((label) => label.class === POSITIVE)) {
      actions.refineByLabels();
    }
  };

  /** Show the marks of a set. */
  actions.openLabelSet = told(async (name) => {
    const { collection, etag } = await getLabelSet(name);
    const { products, product } = store.get();
    const isOther = collection.product && collection.product !== product;
    if (isOther && products.some((one) => one.name === collection.product)) {
      await actions.chooseProduct(collection.product);
    }
    const labels = labelsOf(collection, store.get().places);
    actions.replaceLabels(labels, { name, etag });
    asked();
    actions.say(`“${name}”: ${count(labels.length, "mark")}`, true);
  });

  actions.openLabelFile = told(async (file) => {
    let collection;
    try {
      collection = JSON.parse(await file.text());
    } catch {
      throw new Error(`${file.name} is no JSON; a label set is a GeoJSON FeatureCollection.`);
    }
    const labels = labelsOf(collection, store.get().places);
    actions.replaceLabels(labels);
    asked();
    actions.say(`${file.name}: ${count(labels.length, "mark")}`, true);
  });

  /** Keep the marks under a name; over a set only in the version that was opened. */
  actions.saveLabelSet = told(async (name, etag) => {
    const { labels } = store.get();
    const written = await putLabelSet(name, labelCollection(store.get(), name), etag);
    store.set({ labelSet: { name, etag: written, labels } });
    actions.say(`Saved as “${name}”`);
    return name;
  });

  actions.deleteLabelSet = told(async (name) => {
    await deleteLabelSet(name);
    if (store.get().labelSet?.name === name) store.set({ labelSet: null });
    actions.say(`“${name}” deleted`);
  });
}

/** Fill the dialog of label sets, and open it from `opener`. */
export function addLabelSets(dialog, opener, store, actions) {
  const list = h("div", { class: "sets" });
  const foot = h("div", { class: "sets-foot" });
  const close = () => dialog.close();
  const show = () => {
    fill(foot, footOf(store, actions, showSets));
    showSets();
    dialog.showModal();
  };
  async function showSets() {
    fill(list, h("div", { class: "skeleton-lines" }, h("i"), h("i")));
    try {
      const sets = await listLabelSets();
      const rows = sets.map((one) => row(one, store, actions, close, showSets));
      fill(list, rows.length ? rows : nothing());
    } catch (error) {
      fill(list, h("p", { class: "hint warn" }, icon("warning"),
        h("span", {}, `${error.error ?? error} ${error.nextStep ?? ""}`)));
    }
  }
  fill(dialog,
    h("form", { method: "dialog" },
      h("header", {}, h("h2", { id: "sets-title" }, "Label sets"),
        h("button", { class: "icon-button", "aria-label": "Close" }, icon("close")))),
    list, foot);
  opener.addEventListener("click", show);
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) close(); // on the backdrop
  });
  store.watch(["labels", "labelSet"], () => {
    if (dialog.open) fill(foot, footOf(store, actions, showSets));
  });
}

function nothing() {
  return h("p", { class: "hint" },
    "None is kept yet. Mark some chips, then save them here under a name.");
}

function row({ name, product, features }, store, actions, close, showSets) {
  const isOpen = store.get().labelSet?.name === name;
  const open = () => {
    close();
    actions.openLabelSet(name);
  };
  const remove = async () => {
    if (!confirm(`Delete the label set “${name}” for everybody?`)) return;
    await actions.deleteLabelSet(name);
    showSets();
  };
  return h("div", { class: "set" },
    button("set-open", open, { title: `Open ${name}` }, h("b", {}, name),
      h("span", {}, [count(features, "mark"), product, isOpen && "open"]
        .filter(Boolean).join(" · "))),
    button("icon-button", remove, { "aria-label": `Delete ${name}`, title: "Delete" },
      icon("close")));
}

function footOf(store, actions, showSets) {
  const state = store.get();
  const file = h("input", {
    type: "file", id: "sets-file", accept: ".geojson,.json,application/geo+json", hidden: true,
    onchange: () => file.files[0] && actions.openLabelFile(file.files[0]),
  });
  const open = button("small-button", () => file.click(), { id: "sets-open" },
    icon("upload"), "Open GeoJSON");
  if (!state.labels.length) return [file, h("div", { class: "sets-tools" }, open)];
  return [
    saveForm(state, actions, showSets),
    file,
    h("div", { class: "sets-tools" },
      button("small-button", () => saveFile(state), { id: "sets-save-file" },
        icon("download"), "Save GeoJSON"),
      open,
      button("small-button", () => share(state, actions), { id: "share" }, icon("link"),
        "Copy link")),
  ];
}

function saveForm({ labels, labelSet }, actions, showSets) {
  const name = h("input", {
    id: "sets-name", required: true, maxlength: 64, pattern: "[A-Za-z0-9][A-Za-z0-9 _.\\-]*",
    placeholder: "Name of the set", title: "Letters, digits, spaces, and _ . -",
    autocomplete: "off", value: labelSet?.name ?? "", "aria-label": "Name of the label set",
  });
  const submit = async (event) => {
    event.preventDefault();
    const etag = labelSet?.name === name.value ? labelSet.etag : null;
    if (await actions.saveLabelSet(name.value, etag)) showSets();
  };
  return h("form", { class: "sets-save", onsubmit: submit }, name,
    h("button", { class: "button", id: "sets-save" }, icon("save"),
      `Save ${count(labels.length, "mark")}`));
}

function saveFile(state) {
  const text = JSON.stringify(labelCollection(state), null, 1);
  const name = state.labelSet?.name ?? "marks";
  download(new Blob([text], { type: "application/geo+json" }), `${name}.geojson`);
}

async function share(state, actions) {
  if (!canShare(state)) {
    actions.say("Too many marks for an address: save them under a name, then copy the link");
    return;
  }
  try {
    await navigator.clipboard.writeText(location.href);
    actions.say("Link copied");
  } catch {
    prompt("Copy this link:", location.href); // only pages on https or localhost may copy
  }
}
