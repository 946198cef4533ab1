/** One token of a text. Positions and lengths are in UTF-16 code units, from 0. */
export interface Token {
  kind: 'word' | 'string' | '(' | ')' | ',' | '=' | 'end';
  /** The word as written, or the value of the string. */
  value: string;
  position: number;
}

/** An error in a text. `expected` lists what would be valid there; it is empty if the syntax is valid and the meaning is not. */
export interface TextError {
  message: string;
  /** In UTF-16 code units, from 0. */
  position: number;
  expected: string[];
}

export class TextSyntaxError extends Error {
  override readonly name = 'TextSyntaxError';

  constructor(readonly issue: TextError) {
    super(issue.message);
  }
}

const TOKEN = /\s*(?:([(),=])|("(?:[^"\\]|\\.)*")|([^\s(),="]+))/sy;

/** The tokens of a text, with one of kind `end` at its end. Throws TextSyntaxError for a string that is not JSON. */
export function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  let end = 0;
  for (let match = TOKEN.exec(text); match !== null; match = TOKEN.exec(text)) {
    const [, punctuation, string, word] = match;
    end = TOKEN.lastIndex;
    const position = end - (punctuation ?? string ?? word ?? '').length;
    if (punctuation !== undefined) {
      tokens.push({ kind: punctuation as Token['kind'], value: punctuation, position });
    } else if (string !== undefined) tokens.push({ kind: 'string', value: stringValue(string, position), position });
    else tokens.push({ kind: 'word', value: word ?? '', position });
  }
  const rest = text.slice(end);
  if (rest.trim() !== '') throw badString(end + rest.length - rest.trimStart().length);
  tokens.push({ kind: 'end', value: '', position: text.length });
  return tokens;
}

function stringValue(literal: string, position: number): string {
  try {
    return JSON.parse(literal) as string;
  } catch {
    throw badString(position);
  }
}

const badString = (position: number): TextSyntaxError =>
  new TextSyntaxError({ message: 'this is not a JSON string', position, expected: ['a JSON string'] });
