import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { SERVICE_CONFIGS } from './definitions.ts';
import { GENERATED } from './generated.ts';

describe('generated files are fresh (npm run generate)', () => {
  it.each(Object.keys(GENERATED))('%s', (path) => {
    expect(readFileSync(path, 'utf8')).toBe(GENERATED[path]?.());
  });

  it('the page documents every service that exists', () => {
    const services = readdirSync('services').filter((name) => existsSync(`services/${name}/main.ts`));
    expect(Object.keys(SERVICE_CONFIGS).sort()).toEqual(services.sort());
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
