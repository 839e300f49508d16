// The panel of the mode "circle": how large, how many hexagons, and the best of them as pictures.

import { COVERAGE, RADII } from "./cells.js";
import { button, fill, h } from "./dom.js";
import { picture } from "./pictures.js";
import { shadeCss } from "./shades.js";
import { failure, skeletons } from "./states.js";
import { area, count, day, duration, engineName, nameOf, scoreWords } from "./words.js";

const MOST_CARDS = 24;

/**
 * @param {{move: (changes: object) => void, again: () => void, hover: (cell: string|null) => void,
 *   similar: (id: string) => void}} acts
 * @returns {{node: HTMLElement, show: (state: object) => void}}
 */
export function circlePanel(acts) {
  const radius = radiusField(acts);
  const coverage = coverageField(acts);
  const size = sizeField(acts);
  const rule = h("p", { class: "circle-rule" });
  const found = h("div", { class: "circle-found", "aria-live": "polite" });
  const node = h("section", { class: "circle-panel", "aria-label": "Search in a circle" },
    h("p", { class: "circle-hint" },
      "Drag the circle's middle onto what you are looking for, and its edge to look further. ",
      "The hexagons that glow look most like the middle."),
    radius.row, coverage.row, size.row, rule, found);
  let last = null;
  return {
    node,
    show(state) {
      const { circle, cells, cellsAsking } = state;
      if (!circle) return;
      radius.set(circle);
      coverage.set(circle);
      size.set(circle, cells);
      fill(rule, cells && ruleOf(cells));
      const key = [cells, cellsAsking, state.cellsFailure];
      if (last?.every((value, place) => value === key[place])) return;
      last = key;
      fill(found, answer(state, acts));
    },
  };
}

function field(id, name, control) {
  return h("div", { class: "field" }, h("label", { for: id, class: "field-name" }, name), control);
}

function radiusField({ move }) {
  const input = h("input", {
    id: "circle-radius", type: "number", min: RADII.least / 1000, max: RADII.most / 1000,
    step: "any", inputmode: "decimal",
    onchange: () => {
      const metres = Number(input.value) * 1000;
      if (input.value && metres >= RADII.least && metres <= RADII.most) move({ radius: metres });
      else input.reportValidity();
    },
  });
  const row = field("circle-radius", "Radius",
    h("div", { class: "pair" }, input, h("span", {}, "km")));
  return {
    row,
    set: ({ radius }) => {
      if (document.activeElement !== input) input.value = Number((radius / 1000).toPrecision(3));
    },
  };
}

function coverageField({ move }) {
  const output = h("output", { for: "circle-coverage" });
  const input = h("input", {
    id: "circle-coverage", type: "range",
    min: COVERAGE.least, max: COVERAGE.most, step: COVERAGE.step,
    oninput: () => move({ coverage: Number(input.value) }),
  });
  return {
    row: field("circle-coverage", "Coverage", h("div", { class: "pair" }, input, output)),
    set({ coverage }) {
      input.value = coverage;
      output.textContent = `${coverage} %`;
    },
  };
}

/** As large as the chips, or one step of H3 smaller or larger. */
function sizeField({ move }) {
  const select = h("select", {
    id: "circle-size",
    onchange: () => move({ resolution: select.value ? Number(select.value) : null }),
  });
  let usual = null;
  let listed = "";
  return {
    row: field("circle-size", "Hexagons", select),
    set({ resolution }, cells) {
      if (cells && resolution === null) usual = cells.resolution;
      const sizes = usual === null ? [] : [usual + 1, usual - 1].filter((size) => size >= 0);
      if (resolution !== null && !sizes.includes(resolution)) sizes.push(resolution);
      const key = JSON.stringify([resolution, sizes]);
      if (key === listed) return; // options built anew would close the list that is open
      listed = key;
      fill(select,
        h("option", { value: "", selected: resolution === null }, "as large as the chips"),
        sizes.map((size) =>
          h("option", { value: size, selected: size === resolution }, sizeWords(size, usual))));
    },
  };
}

function sizeWords(size, usual) {
  if (usual === null || Math.abs(size - usual) !== 1) return `H3 resolution ${size}`;
  return size > usual ? `smaller (H3 ${size})` : `larger (H3 ${size})`;
}

/** How many hexagons the coverage allows. */
function ruleOf({ area_km2: whole, cell_area_km2: each, coverage, limit }) {
  return `${area(whole)} ÷ ${area(each)} a hexagon × ${Math.round(coverage * 100)} % = at most ` +
    count(limit, "hexagon");
}

function answer({ cells, cellsAsking, cellsFailure }, acts) {
  if (cellsAsking === "failed") return failure(cellsFailure, acts.again);
  if (!cells) return skeletons(6);
  const { features } = cells;
  if (!features.length) {
    return h("p", { class: "circle-none" }, "No chip lies in this circle. Make it larger.");
  }
  const score = scoreWords(features);
  const values = features.map(({ properties }) => properties.score);
  return h("div", { class: cellsAsking === "asking" && "stale" },
    h("div", { class: "results-head" },
      h("h3", {}, count(features.length, "hexagon")),
      h("p", {}, [engineName(cells.engine), howWords(cells), duration(cells.seconds)].join(", "))),
    h("div", { class: "circle-scale" },
      h("span", {}, score(Math.min(...values))),
      h("span", { class: "scale", role: "img", "aria-label": "Scale of scores, dim to glowing" }),
      h("span", {}, score(Math.max(...values)))),
    h("ol", { class: "gallery" },
      features.slice(0, MOST_CARDS).map((one) => card(one.properties, score, acts))));
}

function howWords({ how, expected_recall: recall }) {
  if (how === "exact") return "exact";
  return recall === null ? "approximate" : `approximate, recall ${recall.toFixed(3)}`;
}

function card({ cell, score, shade, id, hash, date, mgrs }, words, acts) {
  const value = words(score);
  const label = `Find more like the hexagon with score ${value}, ${day(date)}`;
  return h("li", {
      class: "card", style: { "--shade": shadeCss(shade) },
      onpointerenter: () => acts.hover(cell), onpointerleave: () => acts.hover(null),
    },
    button("card-open", () => acts.similar(id), {
      title: "Find chips like this one", "aria-label": label,
      onfocus: () => acts.hover(cell), onblur: () => acts.hover(null),
    },
      picture({ chipId: id, hash, alt: "" }),
      h("span", { class: "card-words" },
        h("span", { class: "score" }, value),
        h("span", { class: "date" }, day(date)),
        h("span", { class: "source" }, `${mgrs} ${nameOf(id)}`))));
}
