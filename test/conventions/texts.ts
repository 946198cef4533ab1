/** The texts of the project that people read: messages, comments, the console, help, documents, schemas. */
import { readFileSync } from 'node:fs';
import ts from 'typescript';
import { projectFiles } from './documents.ts';

export interface Text {
  path: string;
  /** Counted from 1. */
  line: number;
  text: string;
}

const CODE = /^(lib|services|scripts|deploy|web)\/.*\.(ts|tsx|mjs)$/;
const TEST = /\.test\.tsx?$|\/testing\/|\/testing\.ts$/;
/** Documents, help texts and files of which the comments are what people read. */
const PROSE = /\.md$|^scripts\/help\/.*\.txt$|^docker-compose\.yml$|^deploy\/Dockerfile$|^web\/.*\.html$/;

/** Published versions in schemas/history never change, so they are not checked. */
const SCHEMA = /^schemas\/[^/]+\.avsc$/;

/** Literals of one word are codes and keys; from two on they are read. */
const isSentence = (text: string): boolean => /\S\s+\S/.test(text);

/** String literals of two words or more, each piece of a template, and what JSX shows. */
export function literalsOf(path: string, source: string): Text[] {
  const file = ts.createSourceFile(path, source, ts.ScriptTarget.Latest);
  const found: Text[] = [];
  const add = (node: ts.Node, text: string): void => {
    found.push({ path, line: file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1, text });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return;
    if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) {
      if (isSentence(node.text)) add(node, node.text);
    } else if (ts.isTemplateExpression(node)) {
      const whole = node.head.text + node.templateSpans.map((span) => `…${span.literal.text}`).join('');
      if (isSentence(whole)) add(node, whole);
    } else if (ts.isJsxText(node) && node.text.trim() !== '') add(node, node.text);
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

const COMMENT = /^[ \t]*\/\*\*[\s\S]*?\*\/|^[ \t]*\/\/.*(?:\n[ \t]*\/\/.*)*/gm;

/** Comments that begin a line, each as one text without its markers and without what it quotes in backticks. */
export function commentsOf(path: string, source: string): Text[] {
  return [...source.matchAll(COMMENT)].map(({ 0: comment, index }) => ({
    path,
    line: source.slice(0, index).split('\n').length,
    text: comment.replace(/^[ \t]*(\/\*\*|\*\/|\*|\/\/)|\*\/$/gm, ' ').replace(/`[^`]*`/g, '``'),
  }));
}

/** Without blocks of code and what stands in backticks, which quotes code. */
export function proseOf(path: string, source: string): Text[] {
  const markdown = path.endsWith('.md');
  let fenced = false;
  return source.split('\n').flatMap((line, index) => {
    if (markdown && /^\s*(```|~~~)/.test(line)) fenced = !fenced;
    if (fenced) return [];
    return [{ path, line: index + 1, text: markdown ? line.replace(/`[^`]*`/g, '``') : line }];
  });
}

/** The documentation in an Avro schema. */
export function docsOf(path: string, source: string): Text[] {
  return source.split('\n').flatMap((content, index) =>
    [...content.matchAll(/"doc": ("(?:[^"\\]|\\.)*")/g)].map(([, doc = '""']) => ({
      path,
      line: index + 1,
      text: JSON.parse(doc) as string,
    })),
  );
}

export function readableTexts(): Text[] {
  return projectFiles().flatMap((path) => {
    if (CODE.test(path) && !TEST.test(path)) {
      const source = readFileSync(path, 'utf8');
      return [...literalsOf(path, source), ...commentsOf(path, source)];
    }
    if (SCHEMA.test(path)) return docsOf(path, readFileSync(path, 'utf8'));
    return PROSE.test(path) ? proseOf(path, readFileSync(path, 'utf8')) : [];
  });
}
