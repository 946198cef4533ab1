import { Liquid, type Template } from 'liquidjs';

/** How what a template inserts is escaped: `html` for HTML, `text` not at all. A value with the filter `raw` is not escaped. */
export type TemplateFormat = 'text' | 'html';

/** Limits on the size of a template, in characters. */
export const TEMPLATE_CHARS_MAX = 256 * 1024;
/** Bytes that one rendering may allocate, as Liquid counts them. */
const RENDER_BYTES_MAX = 8 << 20;
/** Soft limit of Liquid itself, checked between tags; the worker's hard limit is above it. */
const RENDER_MS = 500;

/** Tags that read other templates: there are none. */
const FILE_TAGS = ['include', 'render', 'layout', 'block'];

function createEngine(format: TemplateFormat): Liquid {
  const engine = new Liquid({
    ownPropertyOnly: true,
    strictFilters: true,
    parseLimit: TEMPLATE_CHARS_MAX,
    renderLimit: RENDER_MS,
    memoryLimit: RENDER_BYTES_MAX,
    // Without files: the tags that read some are removed too.
    templates: {},
    timezoneOffset: 0,
    ...(format === 'html' ? { outputEscape: 'escape' } : {}),
  });
  for (const tag of FILE_TAGS) delete engine.tags[tag];
  return engine;
}

const ENGINES: Readonly<Record<TemplateFormat, Liquid>> = { text: createEngine('text'), html: createEngine('html') };

/** Parses a template. Throws an Error whose message names the line. */
export const parseTemplate = (source: string, format: TemplateFormat): Template[] => ENGINES[format].parse(source);

/** The variables that a parsed template reads from outside: a path of names for each use; null: a computed name. */
export function variablesOf(template: Template[], format: TemplateFormat): (string | number | null)[][] {
  return ENGINES[format]
    .globalVariableSegmentsSync(template, { partials: false })
    .map((segments) =>
      segments.map((segment) => (typeof segment === 'string' || typeof segment === 'number' ? segment : null)),
    );
}

/** Renders a parsed template. Throws an Error when it fails or exceeds a limit. */
export const renderTemplate = (template: Template[], format: TemplateFormat, context: object): string =>
  String(ENGINES[format].renderSync(template, context));
