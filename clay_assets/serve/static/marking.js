// Actions on marks.

import { className, POSITIVE } from "./classes.js";
import { marked, needsRefining } from "./labels.js";
import { count } from "./words.js";

/**
 * What the reader can do with marks.
 * @param {ReturnType<import("./store.js").createStore>} store
 * @param {ReturnType<import("./undo.js").createHistory>} history
 * @param {(query: object) => Promise<void>} ask asks anew, marks included
 */
export function createMarking(store, history, ask) {
  /** Mark rows with a class; null takes their marks off. */
  function mark(ids, name) {
    const { labels, places } = store.get();
    if (!ids.length) return;
    history.remember();
    store.set({ labels: marked(labels, ids, name, places) });
    if (ids.length > 1) {
      const marks = count(ids.length, "mark");
      say(name === null ? `${marks} taken off` : `${marks} “${className(name)}”`, true);
    }
  }

  /** A second mark of the same class takes it off again. */
  function toggleMark(id, name) {
    const has = store.get().labels.some((label) => label.id === id && label.class === name);
    mark([id], has ? null : name);
  }

  function clearLabels() {
    const { labels } = store.get();
    if (!labels.length) return;
    history.remember();
    store.set({ labels: [], labelSet: null });
    say(`${count(labels.length, "mark")} cleared`, true);
  }

  /** Show other marks, as a label set or a file brings them. */
  function replaceLabels(labels, labelSet = null) {
    history.remember();
    store.set({ labels, labelSet: labelSet && { ...labelSet, labels } });
  }

  /** Search with the marks, beside the example asked about. */
  function refineByLabels() {
    const { query } = store.get();
    if (!needsRefining(store.get())) return undefined;
    if (!query) history.remember();
    return ask(query ?? {});
  }

  /** Say something in passing. */
  function say(text, canUndo = false) {
    store.set({ toast: { text, canUndo } });
  }

  return {
    mark, toggleMark, clearLabels, replaceLabels, refineByLabels, say,
    chooseTool: (tool) => store.set({ tool, drawing: false }),
    chooseClass: (markClass) => store.set({ markClass: markClass || POSITIVE }),
  };
}
