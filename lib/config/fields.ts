/** Fields of a configuration: one environment variable each, with its default, meaning and allowed values. */

/** Values parsed so far, by variable; a default may be built on those that were declared before it. */
export type Known = (variable: string) => unknown;

export interface Field<T> {
  /** The default as text, or a rule that derives it from other variables; undefined: the variable is required. */
  fallback: string | undefined | { shown: string; of(known: Known): string };
  doc: string;
  /** The allowed values in words: "a port", "one of …". */
  kind: string;
  /** Never shown, logged or documented with its value. */
  secret?: boolean;
  /** Parses the text. Throws an Error whose message completes the sentence "VARIABLE …". */
  parse(text: string): T;
}

export type Fallback = string | { shown: string; of(known: Known): string };

export function text(fallback: Fallback, doc: string, rule?: { pattern: RegExp; kind: string }): Field<string> {
  return {
    fallback,
    doc,
    kind: rule?.kind ?? 'text',
    parse(value) {
      if (rule && !rule.pattern.test(value)) throw new Error(`must be ${rule.kind}`);
      return value;
    },
  };
}

/** A secret text; empty by default. */
export function secret(doc: string): Field<string> {
  return { fallback: '', doc, kind: 'secret text', secret: true, parse: (value) => value };
}

export function integer(
  fallback: number,
  doc: string,
  { min, max, unit }: { min: number; max: number; unit?: string },
): Field<number> {
  const kind = `a whole number from ${min} to ${max}${unit ? `, in ${unit}` : ''}`;
  return {
    fallback: String(fallback),
    doc,
    kind,
    parse(value) {
      const number = Number(value);
      if (!/^-?\d+$/.test(value.trim()) || number < min || number > max) throw new Error(`must be ${kind}`);
      return number;
    },
  };
}

/** A TCP port to listen on, 1 to 65535. */
export function port(fallback: number, doc: string): Field<number> {
  return { ...integer(fallback, doc, { min: 1, max: 65_535 }), kind: 'a port' };
}

export function flag(fallback: boolean, doc: string): Field<boolean> {
  return {
    fallback: String(fallback),
    doc,
    kind: 'true or false',
    parse(value) {
      if (value !== 'true' && value !== 'false') throw new Error('must be true or false');
      return value === 'true';
    },
  };
}

export function choice<const T extends string>(options: readonly T[], fallback: NoInfer<T>, doc: string): Field<T> {
  const kind = `one of ${options.join(', ')}`;
  return {
    fallback,
    doc,
    kind,
    parse(value) {
      const found = options.find((option) => option === value);
      if (found === undefined) throw new Error(`must be ${kind}`);
      return found;
    },
  };
}

/** An http or https URL, returned without a trailing slash. */
export function url(fallback: Fallback, doc: string): Field<string> {
  return {
    fallback,
    doc,
    kind: 'an http or https URL',
    parse(value) {
      if (!URL.canParse(value) || !/^https?:$/.test(new URL(value).protocol))
        throw new Error('must be an http or https URL');
      const { username, password } = new URL(value);
      if (username || password) throw new Error('must be a URL without user and password');
      return value.replace(/\/+$/, '');
    },
  };
}

/** Addresses of brokers: host:port, separated by commas. */
export function brokers(fallback: Fallback, doc: string): Field<string[]> {
  return {
    fallback,
    doc,
    kind: 'a comma-separated list of host:port',
    parse(value) {
      const list = value.split(',').map((item) => item.trim());
      if (!list.every((item) => /^(\[[0-9a-fA-F:]+\]|[^\s:,]+):\d{1,5}$/.test(item))) {
        throw new Error('must be a comma-separated list of host:port');
      }
      return list;
    },
  };
}
