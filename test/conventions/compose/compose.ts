/** Reads docker-compose.yml as Compose does: anchors, merges, variables. */
import { parse } from 'yaml';

export interface Healthcheck {
  test?: string[];
  disable?: boolean;
  interval?: string;
}

export interface Container {
  image: string;
  build?: { context: string; dockerfile: string };
  command?: string[];
  environment?: Record<string, string | number | null>;
  ports?: string[];
  volumes?: string[];
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: Healthcheck;
  restart?: string;
  stop_grace_period?: string;
}

export interface ComposeFile {
  services: Record<string, Container>;
  volumes: Record<string, unknown>;
}

/** `$$`, `${NAME}`, `${NAME:-default}` and `${NAME-default}`; a default may hold further ones. */
export function interpolate(text: string, env: Record<string, string>): string {
  let out = '';
  for (let i = 0; i < text.length; i++) {
    if (text[i] !== '$') out += text[i] ?? '';
    else if (text[i + 1] === '$') out += text[i++] ?? '';
    else {
      const end = closing(text, i + 1);
      const [, name = '', colon = '', fallback] = /^(\w+)(?:(:?)-(.*))?$/s.exec(text.slice(i + 2, end)) ?? [];
      if (name === '') throw new Error(`not a variable: ${text.slice(i, end + 1)}`);
      const value = env[name];
      const given = value !== undefined && (colon === '' || value !== '');
      if (!given && fallback === undefined) throw new Error(`${name} has no default`);
      out += given ? value : interpolate(fallback ?? '', env);
      i = end;
    }
  }
  return out;
}

/** Index of the brace that closes the one at `open`. */
function closing(text: string, open: number): number {
  if (text[open] !== '{') throw new Error(`a lone $ in ${text}`);
  for (let i = open, depth = 0; i < text.length; i++) {
    if (text[i] === '{') depth++;
    if (text[i] === '}' && --depth === 0) return i;
  }
  throw new Error(`a brace stays open in ${text}`);
}

function deep(value: unknown, env: Record<string, string>): unknown {
  if (typeof value === 'string') return interpolate(value, env);
  if (Array.isArray(value)) return value.map((item) => deep(item, env));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, deep(inner, env)]));
}

/** The file with these variables in the environment. */
export function readCompose(text: string, env: Record<string, string> = {}): ComposeFile {
  return deep(parse(text, { merge: true }), env) as ComposeFile;
}

/** The environment of a container as its process sees it. */
export function environmentOf({ environment = {} }: Container): Record<string, string> {
  return Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, String(value)]));
}
