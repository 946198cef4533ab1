/** The text form and the sentence of an audience: the same as the API renders, without a request for every keystroke. */
export { renderText } from '../../../../lib/audiences/text/render.ts';
export { inWords } from '../../../../lib/audiences/text/words.ts';
