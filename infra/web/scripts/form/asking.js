/** Which parts of the page the form asks now, and what was answered in them. As chalicelib/web/asking.py. */

import { unescape } from "./levels.js";
import { answerOf, filled, valuesOf } from "./reading.js";

const ROUNDS = 30; // conditions that hang on one another

/**
 * @typedef {import("./levels.js").Schemas} Schemas
 * @typedef {Map<HTMLElement, { asked: boolean, required: boolean }>} Verdict of parts on the page and of templates
 * @typedef {{ schemas: Schemas, answer: unknown, decided: Schemas[] }} Spot `decided`: alternatives that are chosen
 */

/**
 * Begin with no answer, read what is then asked, and so on until nothing changes.
 * @param {HTMLElement} form
 * @param {import("./levels.js").Levels} levels
 */
export function judge(form, levels) {
  /** @type {unknown} */
  let answers = {};
  for (let round = 0; round < ROUNDS; round += 1) {
    const asking = new Asking(levels);
    const found = asking.members(form, "", { schemas: [levels.rules], answer: answers, decided: [] });
    if (JSON.stringify(found) === JSON.stringify(answers)) {
      return asking.verdict;
    }
    answers = found;
  }
  return undefined;
}

/**
 * The parts, alternatives and templates directly below an element.
 * @param {Element} root
 * @returns {HTMLElement[]}
 */
export function below(root) {
  /** @type {HTMLElement[]} */
  const found = [];
  for (const child of Array.from(root.children)) {
    const own = child instanceof HTMLElement && ("part" in child.dataset || "branch" in child.dataset);
    found.push(...(own ? [/** @type {HTMLElement} */ (child)] : below(child)));
  }
  return found;
}

/** @param {HTMLElement} part */
function pointerOf(part) {
  return part.dataset.part || "";
}

/** @param {HTMLElement} part */
function waits(part) {
  return part instanceof HTMLTemplateElement;
}

/**
 * @param {unknown} answer
 * @param {string | number} name
 */
function at(answer, name) {
  const there = typeof answer === "object" && answer !== null && Object.prototype.hasOwnProperty.call(answer, name);
  return there ? /** @type {any} */ (answer)[name] : undefined;
}

class Asking {
  /** @param {import("./levels.js").Levels} levels */
  constructor(levels) {
    this.levels = levels;
    /** @type {Verdict} */
    this.verdict = new Map();
  }

  /**
   * What applies at a spot, where there is one alternative left, with that.
   * @param {Spot} spot
   * @returns {{ level: ReturnType<import("./levels.js").Levels["of"]>, spot: Spot }}
   */
  level(spot) {
    const level = this.levels.of(spot.schemas, spot.answer);
    const options = level.branches(spot.decided);
    const real = options.filter(option => option && !this.onlyNull(option));
    return real.length === 1 ? this.level(chosen(spot, options, real[0])) : { level, spot };
  }

  /** @param {import("./levels.js").Schema | boolean} option */
  onlyNull(option) {
    const { type, const: constant } = this.levels.of([option], undefined).words;
    return type === "null" || constant === null;
  }

  /**
   * The answers of an object's parts.
   * @param {HTMLElement} root
   * @param {string} pointer
   * @param {Spot} place
   */
  members(root, pointer, place) {
    const { level, spot } = this.level(place);
    /** @type {Record<string, unknown>} */
    const found = {};
    for (const part of below(root)) {
      const own = pointerOf(part);
      const owner = /~branch\d*$/.test(own) ? own.replace(/\/[^/]*$/, "") : own;
      if (owner === pointer) {
        Object.assign(found, this.alternative(part, pointer, spot));
      } else if (own === `${pointer}/~more`) {
        Object.assign(found, this.value(part, { schemas: more(level.others), answer: {}, decided: [] }, false));
      } else {
        const name = unescape(owner.slice(pointer.length + 1));
        const schemas = level.properties.get(name) || [];
        const value = this.property(part, { schemas, answer: at(spot.answer, name), decided: [] }, level.required.has(name));
        value === undefined || Object.assign(found, { [name]: value });
      }
    }
    return found;
  }

  /**
   * @param {HTMLElement} part
   * @param {Spot} spot
   * @param {boolean} required
   */
  property(part, spot, required) {
    const asked = spot.schemas.length > 0 && !this.level(spot).level.ruledOut;
    this.verdict.set(part, { asked, required });
    if (!asked || waits(part)) {
      return undefined;
    }
    const value = this.value(part, spot, required);
    return value === undefined && required && "null" in part.dataset ? null : value;
  }

  /**
   * @param {HTMLElement} part
   * @param {Spot} place
   * @param {boolean} required
   * @returns {unknown} undefined for no answer
   */
  value(part, place, required) {
    const pointer = pointerOf(part);
    const stands = required && !("null" in part.dataset);
    switch (part.dataset.kind) {
      case "group":
        return within(this.members(part, pointer, place), stands || filled(part));
      case "list":
      case "map":
        return this.list(part, place, stands);
      case "branches":
        return this.alternative(part, pointer.replace(/\/[^/]*$/, ""), place, true);
      case "closed":
        return below(part).map(inner => this.value(inner, place, true))[0];
    }
    const answer = answerOf(part);
    return answer === undefined && required && part.dataset.reads === "choices" ? [] : answer;
  }

  /**
   * What is chosen of alternatives: properties of the object they belong to, or, `alone`, the answer itself.
   * @param {HTMLElement} part
   * @param {string} pointer of their owner
   * @param {Spot} place
   * @param {boolean} [alone]
   * @returns {unknown}
   */
  alternative(part, pointer, place, alone = false) {
    const { level, spot } = this.level(place);
    const options = level.branches(spot.decided);
    const number = valuesOf(part, pointerOf(part)).pop() || "";
    const branches = below(part).filter(branch => "branch" in branch.dataset);
    branches.forEach(branch => this.verdict.set(branch, { asked: branch.dataset.branch === number, required: true }));
    const branch = branches.find(each => each.dataset.branch === number && !waits(each));
    if (!branch) {
      return alone ? undefined : {};
    }
    const option = options[Number(number)];
    const inner = option === undefined ? spot : chosen(spot, options, option);
    return alone ? below(branch).map(each => this.value(each, inner, true))[0] : this.members(branch, pointer, inner);
  }

  /**
   * Without blank items at its end; a blank one before others stays, so that the others keep their places.
   * @param {HTMLElement} part
   * @param {Spot} place
   * @param {boolean} stands
   */
  list(part, place, stands) {
    const { level, spot } = this.level(place);
    const map = part.dataset.kind === "map";
    const items = below(part).map(item => {
      const position = Number(pointerOf(item).replace(/.*\//, ""));
      const own = position < level.first.length ? [level.first[position]] : level.items;
      const schemas = map ? [row(level.others)] : own;
      const answer = map ? undefined : at(spot.answer, position);
      return { item, value: this.value(item, { schemas, answer, decided: [] }, true) };
    });
    while (items.length && items[items.length - 1].value === undefined && !("null" in items[items.length - 1].item.dataset)) {
      items.pop();
    }
    if (!items.length && !stands) {
      return undefined;
    }
    const values = items.map(({ item, value }) => (value !== undefined ? value : "null" in item.dataset ? null : ""));
    return map ? named(values) : values;
  }
}

/**
 * @param {Spot} spot
 * @param {Schemas} options
 * @param {import("./levels.js").Schema | boolean} option
 * @returns {Spot}
 */
function chosen({ schemas, answer, decided }, options, option) {
  return { schemas: [...schemas, option], answer, decided: [...decided, options] };
}

/**
 * @param {Record<string, unknown>} answer
 * @param {boolean} stands
 */
function within(answer, stands) {
  return stands ? answer : undefined;
}

/**
 * An item of an object whose names the applicant gives.
 * @param {Schemas} values
 */
function row([value = true]) {
  return { properties: { name: true, value }, required: ["name", "value"] };
}

/**
 * The rest of an object, as an object of its own.
 * @param {Schemas} values
 */
function more([additionalProperties = true]) {
  return [{ additionalProperties }];
}

/** @param {unknown[]} rows */
function named(rows) {
  /** @type {Record<string, unknown>} */
  const found = {};
  rows.forEach(row => {
    const value = at(row, "value");
    row && (found[at(row, "name") || ""] = value === undefined ? "" : value);
  });
  return found;
}
