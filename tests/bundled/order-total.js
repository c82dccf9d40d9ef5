var __create = Object.create;
var __defProp = Object.defineProperty;
var __getOwnPropDesc = Object.getOwnPropertyDescriptor;
var __getOwnPropNames = Object.getOwnPropertyNames;
var __getProtoOf = Object.getPrototypeOf;
var __hasOwnProp = Object.prototype.hasOwnProperty;
var __commonJS = (cb, mod) => function __require() {
  try {
    return mod || (0, cb[__getOwnPropNames(cb)[0]])((mod = { exports: {} }).exports, mod), mod.exports;
  } catch (e) {
    throw mod = 0, e;
  }
};
var __copyProps = (to, from, except, desc) => {
  if (from && typeof from === "object" || typeof from === "function") {
    for (let key of __getOwnPropNames(from))
      if (!__hasOwnProp.call(to, key) && key !== except)
        __defProp(to, key, { get: () => from[key], enumerable: !(desc = __getOwnPropDesc(from, key)) || desc.enumerable });
  }
  return to;
};
var __toESM = (mod, isNodeMode, target) => (target = mod != null ? __create(__getProtoOf(mod)) : {}, __copyProps(
  // If the importer is in node compatibility mode or this is not an ESM
  // file that has been converted to a CommonJS file using a Babel-
  // compatible transform (i.e. "__esModule" has not been set), then set
  // "default" to the CommonJS "module.exports" for node compatibility.
  isNodeMode || !mod || !mod.__esModule ? __defProp(target, "default", { value: mod, enumerable: true }) : target,
  mod
));

// node_modules/slug-of/index.js
var require_slug_of = __commonJS({
  "node_modules/slug-of/index.js"(exports, module) {
    var dashes = /[^a-z0-9]+/g;
    module.exports = function slugOf2(text) {
      return String(text).toLowerCase().replace(dashes, "-").replace(/^-|-$/g, "");
    };
  }
});

// order-total.js
var import_slug_of = __toESM(require_slug_of());

// node_modules/sum-of/index.js
var sumOf = (lines, of) => lines.reduce((sum, line) => sum + of(line), 0);

// order-total.js
var condition = { title: String, lines: Array, total: null };
var content = async () => {
  data.slug = (0, import_slug_of.default)(data.title);
  data.total = sumOf(data.lines, (line) => line.price * line.count);
};
export {
  condition,
  content
};
