import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { firstLoad } from '../../scripts/console/first-load.ts';

/** The console as it is built and served; the set-up of these tests builds it. */
const FOLDER = 'dist/web';
const FIRST_LOAD_MAX_BYTES = 200 * 1024;
/** The page behind `/`. */
const FIRST_PAGE = 'src/live/LivePage.tsx';

describe('the built console', () => {
  it(`needs less than ${FIRST_LOAD_MAX_BYTES / 1024} KB of compressed script for the frame and the first page`, () => {
    const { scripts, scriptGzipBytes } = firstLoad(FOLDER, [FIRST_PAGE]);
    expect(scripts.length).toBeGreaterThan(1);
    expect(scriptGzipBytes, JSON.stringify(scripts, null, 2)).toBeLessThan(FIRST_LOAD_MAX_BYTES);
  });

  it('has no inline script, style or handler in its page, and loads from its own origin alone', () => {
    const page = readFileSync(`${FOLDER}/index.html`, 'utf8');
    const scripts = [...page.matchAll(/<script\b([^>]*)>([\s\S]*?)<\/script>/g)];
    expect(scripts.length).toBeGreaterThan(1);
    for (const [, attributes = '', body = ''] of scripts) {
      expect(attributes).toMatch(/\bsrc="\/[^/]/);
      expect(body.trim()).toBe('');
    }
    expect(page).not.toMatch(/<style\b|\sstyle=|\son[a-z]+=|(src|href)="(https?:)?\/\//);
  });

  it('loads charts, the builder and every page on demand', () => {
    const { scripts } = firstLoad(FOLDER, []);
    for (const { file } of scripts) expect(readFileSync(`${FOLDER}/${file}`, 'utf8'), file).not.toContain('zrender');
  });
});
