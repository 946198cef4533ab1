import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { SERVICE_CONFIGS } from './definitions.ts';
import { GENERATED } from './generated.ts';

const source = (file: string): string => (file.endsWith('.ts') ? readFileSync(`bench/${file}`, 'utf8') : '');

describe('generated files are fresh (npm run generate)', () => {
  it.each(Object.keys(GENERATED))('%s', async (path) => {
    expect(readFileSync(path, 'utf8')).toBe(await GENERATED[path]?.());
  });

  it('the page documents every service that exists', () => {
    const services = readdirSync('services').filter((name) => existsSync(`services/${name}/main.ts`));
    expect(Object.keys(SERVICE_CONFIGS).sort()).toEqual(services.sort());
  });

  it('every npm script has its help in a plain file', () => {
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
    for (const [name, command] of Object.entries(scripts)) {
      const program = /^exec node scripts\/run\.mjs ([a-z-]+)/.exec(command)?.[1];
      if (program !== 'clean-room') expect(existsSync(`scripts/help/${program ?? ''}.txt`), name).toBe(true);
    }
    const help = readFileSync('scripts/help/bench.txt', 'utf8');
    const benches = readdirSync('bench').filter((file) =>
      /^export (async )?function run\b|^export const run\b/m.test(source(file)),
    );
    for (const file of benches) if (file !== 'index.ts') expect(help).toContain(`  ${file.slice(0, -3)} `);
  });

  it('every variable has a meaning, and a default or none on purpose', () => {
    for (const { fields } of Object.values(SERVICE_CONFIGS)) {
      for (const [variable, field] of Object.entries(fields)) {
        expect(variable).toMatch(/^[A-Z][A-Z0-9_]*$/);
        expect(field.doc, variable).toMatch(/\.$/);
      }
    }
  });
});
