// What comes in by any webhook is checked before other steps rely on it: they have a condition with
// `isValid: true`. All faults are told at once, each by the name of its check.

export const condition = {
  $via: { type: "webhook" },
};

// Markup that a browser would run if a page shows the text unescaped. This check is a hint, no protection:
// escape text where it is shown.
const MARKUP = [/<\s*script\b/i, /\bjavascript\s*:/i, /<[^>]*\son\w+\s*=/i];

export const content = async () => {
  // `$via` is the server's own, not the sender's.
  const { $via, ...sent } = data;
  const { firstName, lastName, email } = sent;
  const suspicious = new Set();
  for (const [pointer, text] of texts(sent)) {
    if (MARKUP.some((pattern) => pattern.test(text))) suspicious.add(pointer);
  }

  const validation = {
    hasRequiredFields: [firstName, lastName, email].every(isFilled),
    emailFormat: isFilled(email) && /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(email),
    nameLength: [firstName, lastName].every(
      (name) => isFilled(name) && [...name.trim()].length >= 2,
    ),
    noMarkup: suspicious.size === 0,
  };
  data.validation = validation;
  data.isValid = Object.values(validation).every(Boolean);

  if (data.isValid) {
    data.readyForProcessing = true;
    console.log(`what came by ${$via.name} is valid`);
  } else {
    data.validationErrors = Object.keys(validation).filter((check) => !validation[check]);
    if (suspicious.size > 0) data.suspicious = [...suspicious];
    data.requiresReview = true;
    console.warn(`what came by ${$via.name} fails ${data.validationErrors.join(", ")}`);
  }
};

function isFilled(value) {
  return typeof value === "string" && value.trim() !== "";
}

// Every string in a value, keys included, with the JSON pointer to it.
function* texts(value, pointer = "") {
  if (typeof value === "string") {
    yield [pointer, value];
  } else if (value !== null && typeof value === "object") {
    for (const [key, member] of Object.entries(value)) {
      const at = `${pointer}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
      yield [at, key];
      yield* texts(member, at);
    }
  }
}
