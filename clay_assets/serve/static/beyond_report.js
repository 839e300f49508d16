// How far to trust a classifier: its cross-validation, as a person reads it.

import { figure, swatch } from "./beyond_parts.js";
import { classCss, className } from "./classes.js";
import { h } from "./dom.js";
import { count, percent } from "./words.js";

/** The report of a trained classifier. */
export function reportOf({ report, classes }) {
  const { validation } = report;
  if (!validation) return h("p", { class: "beyond-note" }, report.note, ".");
  return h("section", { class: "beyond-report", "aria-label": "How far to trust it" },
    h("h3", {}, "On ground it had not seen"),
    h("dl", { class: "figures" },
      figure("balanced accuracy", percent(validation.balanced_accuracy),
        "Mean share of each class that is told right"),
      figure("by chance", percent(1 / classes.length), "What guessing would reach"),
      figure("macro F1", validation.macro_f1.toFixed(2), "Mean F1 of the classes")),
    h("p", { class: "beyond-note" },
      `${count(validation.folds.length, "round")} over ${count(validation.blocks, "block")} of `,
      `${validation.side_km} km: what lies near each other is never both learnt from and tested. `,
      `With labels scattered at random it would claim `,
      `${percent(validation.scattered_balanced_accuracy)}.`),
    classTable(validation, classes),
    confusion(validation, classes));
}

/** Of the tested labels: how many reach a confidence, and how many of those are right. */
export function trustAt({ validation }, confidence) {
  if (!validation) return null;
  return validation.confidences.findLast((at) => at.confidence <= confidence + 1e-9) ?? null;
}

function classTable({ classes: scores }, classes) {
  return h("table", { class: "beyond-table" },
    h("thead", {}, h("tr", {},
      ["class", "labels", "found", "right"].map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", {}, scores.map(({ name, labelled, recall, precision }) => h("tr", {},
      h("th", { scope: "row" }, swatch(classCss(name, classes)), className(name)),
      h("td", {}, String(labelled)),
      h("td", { title: "Recall: of its labels, the share told" }, percent(recall)),
      h("td", { title: "Precision: of what is told to be it, the share that is" },
        percent(precision))))));
}

function confusion({ confusion: rows }, classes) {
  return h("details", { class: "beyond-more" },
    h("summary", {}, "What is taken for what"),
    h("table", { class: "beyond-table confusion" },
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "label ↓ told →"),
        classes.map((name) => h("th", { scope: "col" }, className(name))))),
      h("tbody", {}, rows.map((row, number) => {
        const most = Math.max(1, ...row);
        return h("tr", {}, h("th", { scope: "row" }, className(classes[number])),
          row.map((cell) => h("td", { style: { "--share": cell / most } }, String(cell))));
      }))));
}
