/** What a form's rules say of one value: everything that applies to it. As chalicelib/web/levels.py on the server. */

import { dereference, validate } from "@cfworker/json-schema";

/**
 * @typedef {Record<string, any>} Schema
 * @typedef {(Schema | boolean)[]} Schemas all speak of the same value
 */

/** What applies to one value; `properties` has none for what is ruled out. */
class Level {
  constructor() {
    /** @type {Map<string, Schemas>} */
    this.properties = new Map();
    /** @type {Set<string>} */
    this.required = new Set();
    /** @type {Schemas} */
    this.items = [];
    /** @type {Schemas} */
    this.first = [];
    /** @type {Schema} */
    this.words = {};
    this.ruledOut = false;
  }

  /**
   * @param {Schema | boolean} schema
   * @param {unknown} answer
   */
  lay(schema, answer) {
    if (typeof schema === "boolean") {
      this.ruledOut = this.ruledOut || !schema;
      return;
    }
    const { properties = {}, required = [], dependentRequired = {}, items, prefixItems } = schema;
    Object.assign(this.words, schema);
    const dependent = Object.keys(dependentRequired).filter(name => has(answer, name));
    [required, ...dependent.map(name => dependentRequired[name])].forEach(names => this.require(names));
    items === undefined || this.items.push(items);
    this.first = prefixItems || this.first;
    Object.keys(properties).forEach(name => this.declare(name, properties[name]));
  }

  /** @param {string[]} names */
  require(names) {
    names.forEach(name => this.required.add(name));
  }

  /**
   * Ruled out once is ruled out.
   * @param {string} name
   * @param {Schema | boolean} below
   */
  declare(name, below) {
    const before = this.properties.get(name);
    const out = below === false || (before && !before.length);
    this.properties.set(name, out ? [] : [...(before || []), below]);
  }

  /** What an object holds under names that the form does not know. @returns {Schemas} */
  get others() {
    const { patternProperties = {}, additionalProperties } = this.words;
    const found = [...Object.keys(patternProperties).map(name => patternProperties[name]), additionalProperties];
    return found.filter(schema => schema && typeof schema === "object").slice(0, 1);
  }

  /**
   * The alternatives of oneOf, else of anyOf, that are not decided yet.
   * @param {Schemas[]} decided
   * @returns {Schemas}
   */
  branches(decided) {
    const { oneOf = [], anyOf = [] } = this.words;
    return [oneOf, anyOf].find(options => options.length && decided.indexOf(options) < 0) || [];
  }
}

export class Levels {
  /** @param {Schema} rules the whole form's */
  constructor(rules) {
    this.rules = rules;
    this.known = dereference(rules);
  }

  /**
   * What applies to an answer, nothing so far being an empty object.
   * @param {Schemas} schemas
   * @param {unknown} answer
   */
  of(schemas, answer) {
    const level = new Level();
    this.applying(schemas, answer, new Set(), schema => level.lay(schema, answer));
    return level;
  }

  /**
   * @param {Schema | boolean} schema
   * @param {unknown} answer
   */
  fits(schema, answer) {
    return validate(answer === undefined ? {} : answer, schema, "2020-12", this.known).valid;
  }

  /**
   * The weaker first: what is referred to, what is part of it, itself, what its conditions add.
   * @param {Schemas} schemas
   * @param {unknown} answer
   * @param {Set<string>} seen references followed
   * @param {(schema: Schema | boolean) => void} found
   */
  applying(schemas, answer, seen, found) {
    for (const schema of schemas) {
      if (typeof schema === "boolean") {
        found(schema);
        continue;
      }
      const { $ref, allOf = [] } = schema;
      if ($ref && !seen.has($ref)) {
        seen.add($ref);
        this.applying([this.target($ref)], answer, seen, found);
      }
      this.applying(allOf, answer, seen, found);
      found(schema);
      this.applying(this.conditional(schema, answer), answer, seen, found);
    }
  }

  /**
   * @param {Schema} schema
   * @param {unknown} answer
   * @returns {Schemas}
   */
  conditional(schema, answer) {
    const { dependentSchemas = {} } = schema;
    const added = Object.keys(dependentSchemas)
      .filter(name => has(answer, name))
      .map(name => dependentSchemas[name]);
    if ("if" in schema) {
      added.unshift(schema[this.fits(schema.if, answer) ? "then" : "else"]);
    }
    return added.filter(found => found !== undefined);
  }

  /** @param {string} reference `#/…` */
  target(reference) {
    /** @type {any} */
    let at = this.rules;
    for (const token of reference.split("/").slice(1)) {
      at = at && at[unescape(decodeURIComponent(token))];
    }
    return at === undefined ? true : at;
  }
}

/**
 * A token of a JSON Pointer as a name (RFC 6901).
 * @param {string} token
 */
export function unescape(token) {
  return token.replace(/~1/g, "/").replace(/~0/g, "~");
}

/**
 * @param {unknown} answer
 * @param {string} name
 */
function has(answer, name) {
  return typeof answer === "object" && answer !== null && Object.prototype.hasOwnProperty.call(answer, name);
}
