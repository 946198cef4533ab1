/** Audiences as text: the language of docs/audiences.md, and plain English. */
export type { TextError } from './lexer.ts';
export { parseText, TEXT_MAX } from './parser.ts';
export { renderText } from './render.ts';
export { inWords } from './words.ts';
