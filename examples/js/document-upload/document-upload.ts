// An uploaded file is checked before anything is done with it. What is right is told how it is to be
// processed; what is wrong is told why, all faults at once.

interface Upload {
  name?: string;
  type?: string;
  size?: number;
  url?: string;
}

interface Processing {
  kind: string;
  /** The member of the data that asks for it. */
  flag: "extractText" | "extractMetadata" | "parseData";
}

declare const data: { file: Upload } & Record<string, unknown>;

/** Bytes. */
const LARGEST = 10 * 1024 * 1024;
const PDF: Processing = { kind: "pdf_extraction", flag: "extractText" };
const IMAGE: Processing = { kind: "image_analysis", flag: "extractMetadata" };
const TABLE: Processing = { kind: "data_import", flag: "parseData" };
/** How files of a type are processed. Others are refused. */
const PROCESSING = new Map<string, Processing>([
  ["application/pdf", PDF],
  ["image/jpeg", IMAGE],
  ["image/png", IMAGE],
  ["text/csv", TABLE],
]);

export const condition = {
  $via: { name: "Document Upload" },
  file: Object,
};

export const content = async (): Promise<void> => {
  const { name = "", type = "", size, url } = data.file;
  const processing = PROCESSING.get(type);
  const validation = {
    typeValid: processing !== undefined,
    sizeValid: typeof size === "number" && size > 0 && size <= LARGEST,
    nameValid: name.trim() !== "",
  } satisfies Record<string, boolean>;
  const errors: string[] = [];
  if (!validation.typeValid) errors.push(`Invalid file type: ${type}`);
  if (!validation.sizeValid) errors.push(sizeError(size));
  if (!validation.nameValid) errors.push("Missing or invalid file name");

  data.fileValidation = validation;
  data.fileValid = errors.length === 0;
  if (errors.length > 0) {
    console.warn(`the file is refused: ${errors.join("; ")}`);
    data.validationErrors = errors;
    data.requiresUserNotification = true;
    return;
  }

  const { kind, flag } = processing!;
  data.document = { name, type, size, url, uploadedAt: new Date().toISOString() };
  data.processingType = kind;
  data[flag] = true;
  data.readyForProcessing = true;
  console.log(`${name} goes to ${kind}`);
};

function sizeError(size: unknown): string {
  if (typeof size !== "number") return "Missing file size";
  return size > 0 ? `File too large: ${size} bytes` : "Empty file";
}
