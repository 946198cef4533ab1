/** Keeps secrets and personal data out of logs, by the names of fields and by patterns in texts. */

const HIDDEN = '[redacted]';
const DEPTH = 6;
const ITEMS = 50;

/** Names of fields (ignoring case, "_" and "-") whose values are never logged, at any depth. */
const NAMES =
  /^(authorization|cookie|setcookie|.*password|passphrase|.*secret|.*secrets|.*token|.*tokens|key|apikey|adminkey|secretkey|accesskey|keys|signature|signatures|xjanesignature|phone|phones|customerphone|email|emails|customeremail|identifier|identifiers|firstname|lastname|fullname|customername|name|address|birthdate|dob|body|rawbody|payload|value|cart|customer|person|userid|externaluserid)$/;

const EMAIL = /[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+/g;
const PHONE = /\+\d[\d\s().-]{6,18}\d/g;
const BEARER = /\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]+/gi;
/** Keys and secrets of this product begin with "jt" and a letter, or with "whsec". */
const OWN_KEY = /\b(jt[a-z]|jt|whsec)_[A-Za-z0-9_-]{8,}/g;

/** The text with e-mail addresses, international phone numbers and keys replaced. */
export function scrubText(text: string): string {
  return text
    .replace(BEARER, `$1 ${HIDDEN}`)
    .replace(OWN_KEY, HIDDEN)
    .replace(EMAIL, '[email]')
    .replace(PHONE, '[phone]');
}

/** A copy that is safe to log. Errors keep type, message, code and stack. */
export function redact(value: unknown, depth = DEPTH): unknown {
  if (typeof value === 'string') return scrubText(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Error) return redactError(value, depth);
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (depth === 0) return '[…]';
  if (Array.isArray(value)) return value.slice(0, ITEMS).map((item) => redact(item, depth - 1));
  const copy: Record<string, unknown> = {};
  for (const [name, inner] of Object.entries(value)) {
    const hidden = inner !== undefined && inner !== null && NAMES.test(name.toLowerCase().replace(/[_-]/g, ''));
    copy[name] = hidden ? HIDDEN : redact(inner, depth - 1);
  }
  return copy;
}

function redactError(error: Error, depth: number): object {
  const { code, status, cause } = error as Error & { code?: unknown; status?: unknown };
  return {
    type: error.name,
    message: scrubText(error.message),
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    ...(typeof status === 'number' ? { status } : {}),
    ...(cause !== undefined && depth > 0 ? { cause: redact(cause, depth - 1) } : {}),
    stack: error.stack === undefined ? undefined : scrubText(error.stack),
  };
}
