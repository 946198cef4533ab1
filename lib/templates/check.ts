import { parseTemplate, TEMPLATE_CHARS_MAX, variablesOf, type TemplateFormat } from './engine.ts';
import { VARIABLES } from './variables.ts';

/**
 * What is wrong with a template: a sentence for each problem, empty when it can be used. Unknown filters, tags and
 * variables are problems.
 */
export function templateProblems(source: string, format: TemplateFormat = 'text'): string[] {
  if (source.length > TEMPLATE_CHARS_MAX) return [`must have at most ${TEMPLATE_CHARS_MAX} characters`];
  let paths: (string | number | null)[][];
  try {
    paths = variablesOf(parseTemplate(source, format), format);
  } catch (error) {
    return [`is not a valid template: ${firstLine(error)}`];
  }
  return [...new Set(paths.flatMap(problemOf))];
}

/** Whether a valid template reads this variable. False for a template that cannot be parsed. */
export function templateUses(source: string, variable: keyof typeof VARIABLES, member?: string): boolean {
  try {
    const paths = variablesOf(parseTemplate(source, 'text'), 'text');
    return paths.some(([name, next]) => name === variable && (member === undefined || next === member));
  } catch {
    return false;
  }
}

function problemOf([name, member]: (string | number | null)[]): string[] {
  if (typeof name !== 'string' || !Object.hasOwn(VARIABLES, name)) return [`"${name}" is not a known variable`];
  const members: readonly string[] | null = VARIABLES[name as keyof typeof VARIABLES];
  if (member === undefined) return [];
  if (typeof member !== 'string') return [`"${name}" has no computed members`];
  return members?.includes(member) === true ? [] : [`"${name}.${member}" is not a known variable`];
}

/** Liquid adds an excerpt of the template in further lines. */
const firstLine = (error: unknown): string => (error instanceof Error ? error.message : String(error)).split('\n')[0]!;
