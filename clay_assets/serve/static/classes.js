// Classes of marks: their names, signs and colours, the same in a mark and where one is predicted.

export const POSITIVE = "positive";
export const NEGATIVE = "negative";
const BACKGROUND = "background"; // rows drawn at random, with which a classifier compares
const COLOURS = 8; // tokens class-0 to class-7

/** A class as people read it. */
export function className(name) {
  return { [POSITIVE]: "More like", [NEGATIVE]: "Less like" }[name] ?? name;
}

/** What stands on a mark: a sign for the two classes of a search, else the name's first letter. */
export function sign(name) {
  return { [POSITIVE]: "+", [NEGATIVE]: "−" }[name] ?? name.slice(0, 1).toUpperCase();
}

/**
 * The token of tokens.css with the colour of a class.
 * @param {string} name
 * @param {string[]} names all classes that it is to be told from
 */
export function classToken(name, names) {
  const fixed = [POSITIVE, NEGATIVE, BACKGROUND];
  if (fixed.includes(name)) return name;
  const others = [...new Set(names)].filter((one) => !fixed.includes(one)).sort();
  return `class-${others.indexOf(name) % COLOURS}`;
}

/** The colour of a class as CSS. */
export const classCss = (name, names) => `var(--${classToken(name, names)})`;
