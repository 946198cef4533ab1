import { describe, expect, it } from 'vitest';
import { createApiApp } from './app.ts';
import type { ApiDeps } from './deps.ts';

interface Document {
  paths: Record<string, Record<string, { responses: object; security?: object[] }>>;
  components: { schemas: Record<string, object> };
}

/** The document does not touch any dependency. */
const app = createApiApp({ consoleDir: '/nowhere', logger: { error: () => undefined } } as unknown as ApiDeps);
const load = async (): Promise<Document> => (await (await app.request('/openapi.json')).json()) as Document;

describe('the OpenAPI document', () => {
  it('refers only to what it has', async () => {
    const document = await load();
    const text = JSON.stringify(document);
    for (const [, name = ''] of text.matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
      expect(document.components.schemas).toHaveProperty(name);
    }
    expect(document.components.schemas).toMatchObject({ Audience: {}, TraitCondition: {}, DwellCondition: {} });
  });

  it('asks for a key on every route', async () => {
    const { paths } = await load();
    expect(Object.keys(paths).length).toBeGreaterThan(30);
    for (const [path, item] of Object.entries(paths)) {
      for (const [method, operation] of Object.entries(item)) {
        expect(operation.security, `${method} ${path}`).toEqual([{ key: [] }]);
        expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(['401', '403']));
      }
    }
  });
});
