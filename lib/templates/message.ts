import type { Template } from 'liquidjs';
import { parseTemplate, renderTemplate, type TemplateFormat } from './engine.ts';
import type { TemplateContext } from './variables.ts';

/** The templates of a message; those of its node in a flow. */
export type MessageTemplate =
  | { channel: 'sms'; text: string }
  | { channel: 'email'; subject: string; html: string; text?: string | undefined; preheader?: string | undefined }
  | { channel: 'webhook'; body?: string | undefined };

/** A rendered message. */
export type MessageContent =
  | { channel: 'sms'; text: string }
  | { channel: 'email'; subject: string; html: string; text: string | null; preheader: string | null }
  /** `body` is JSON. */
  | { channel: 'webhook'; body: string };

/** Limits on what is rendered, in characters. */
const MAX_CHARS = { sms: 1_600, subject: 998, preheader: 998, html: 512 * 1024, text: 256 * 1024, body: 256 * 1024 };
/** Limit of the whole message as JSON, in bytes of UTF-8: several records of logs contain it. */
const MAX_MESSAGE_BYTES = 1 << 20;

/** Renders a message. Throws an Error when a template fails, a result is too long, or a body is not JSON. */
export function renderMessage(template: MessageTemplate, context: TemplateContext): MessageContent {
  const content = render(template, context);
  const bytes = Buffer.byteLength(JSON.stringify(content));
  if (bytes > MAX_MESSAGE_BYTES)
    throw new Error(`the rendered message has ${bytes} bytes, more than ${MAX_MESSAGE_BYTES}`);
  return content;
}

function render(template: MessageTemplate, context: TemplateContext): MessageContent {
  const one = (source: string, format: TemplateFormat, maxChars: number): string => {
    const rendered = renderTemplate(parsed(source, format), format, context);
    if (rendered.length > maxChars) throw new Error(`the rendered text has more than ${maxChars} characters`);
    return rendered;
  };
  const optional = (source: string | undefined, maxChars: number): string | null =>
    source === undefined ? null : one(source, 'text', maxChars);
  switch (template.channel) {
    case 'sms':
      return { channel: 'sms', text: one(template.text, 'text', MAX_CHARS.sms) };
    case 'email':
      return {
        channel: 'email',
        // A line break would end the header.
        subject: oneLine(one(template.subject, 'text', MAX_CHARS.subject)),
        html: one(template.html, 'html', MAX_CHARS.html),
        text: optional(template.text, MAX_CHARS.text),
        preheader: optional(template.preheader, MAX_CHARS.preheader),
      };
    case 'webhook':
      return { channel: 'webhook', body: webhookBody(optional(template.body, MAX_CHARS.body), context) };
  }
}

const oneLine = (text: string): string => text.replace(/\s*[\r\n]+\s*/g, ' ').trim();

function webhookBody(rendered: string | null, { run, person, cart, event }: TemplateContext): string {
  if (rendered === null) return JSON.stringify({ run, person, cart, event });
  JSON.parse(rendered);
  return rendered;
}

/** Parsed templates by format and source, the latest used last: a flow renders the same few many times. */
const cache = new Map<string, Template[]>();
const CACHE_MAX = 500;

function parsed(source: string, format: TemplateFormat): Template[] {
  const key = `${format}:${source}`;
  const template = cache.get(key) ?? parseTemplate(source, format);
  cache.delete(key);
  cache.set(key, template);
  const oldest = cache.size > CACHE_MAX ? cache.keys().next().value : undefined;
  if (oldest !== undefined) cache.delete(oldest);
  return template;
}
