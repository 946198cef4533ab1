/** The project's Markdown files, for the tests about what they say. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

export interface Page {
  /** From the project's folder. */
  path: string;
  text: string;
}

/** Every file that is committed or about to be: neither ignored nor deleted. */
export const projectFiles = (): string[] =>
  execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'])
    .toString()
    .split('\n')
    .filter((path) => path !== '' && existsSync(path));

export const pages = (): Page[] =>
  projectFiles()
    .filter((path) => path.endsWith('.md'))
    .map((path) => ({ path, text: readFileSync(path, 'utf8') }));

const FENCE = /^(```|~~~)[^\n]*\n[\s\S]*?^\1[ \t]*$/gm;

/** The text without fenced blocks; line numbers stay as they are. */
export const withoutFences = (text: string): string => text.replace(FENCE, (block) => block.replace(/[^\n]/g, ''));

/** The number of the line that holds the character at `index`, counted from 1. */
export const lineAt = (text: string, index: number): number => text.slice(0, index).split('\n').length;

/** The cells of every row of the section's tables, without heads and rules. */
export function tableRows(text: string, heading: string): string[][] {
  const start = text.indexOf(`\n## ${heading}\n`);
  if (start < 0) return [];
  const end = text.indexOf('\n## ', start + 1);
  const rows = text
    .slice(start, end < 0 ? undefined : end)
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
  const rules = rows.findIndex((cells) => cells.every((cell) => /^:?-+:?$/.test(cell)));
  return rows.slice(rules + 1);
}

/** What stands in backticks. */
export const codeIn = (text: string): string[] => [...text.matchAll(/`([^`\n]+)`/g)].map((match) => match[1]!);
