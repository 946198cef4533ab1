/**
 * Writes schemas/types.ts, one TypeScript type for every Avro type of schemas/*.avsc, and schemas/documents.ts, the
 * schemas themselves as a module, so that a built program carries them wherever it runs.
 * A test fails when the files are stale. Run: `npm run generate`.
 */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

type Schema = string | Schema[] | { [key: string]: unknown };

const PRIMITIVES: Record<string, string> = {
  null: 'null',
  boolean: 'boolean',
  int: 'number',
  long: 'number',
  float: 'number',
  double: 'number',
  bytes: 'Buffer',
  string: 'string',
};

/** The TypeScript expression for one Avro schema; the named types in it are added to `declared`. */
function expression(schema: Schema, declared: Map<string, string>): string {
  if (typeof schema === 'string') return PRIMITIVES[schema] ?? schema;
  if (Array.isArray(schema)) return schema.map((branch) => expression(branch, declared)).join(' | ');
  const name = schema['name'] as string;
  switch (schema['type']) {
    case 'enum':
      declare(
        name,
        `export type ${name} = ${(schema['symbols'] as string[]).map((s) => `'${s}'`).join(' | ')};`,
        declared,
      );
      return name;
    case 'fixed':
      declare(name, `/** ${schema['size']} bytes. */\nexport type ${name} = Buffer;`, declared);
      return name;
    case 'record': {
      const fields = (schema['fields'] as { name: string; type: Schema; doc?: string }[]).map((field) => {
        const doc = field.doc ? `  /** ${field.doc} */\n` : '';
        return `${doc}  ${field.name}: ${expression(field.type, declared)};`;
      });
      const doc = schema['doc'] ? `/** ${schema['doc'] as string} */\n` : '';
      declare(name, `${doc}export interface ${name} {\n${fields.join('\n')}\n}`, declared);
      return name;
    }
    case 'array': {
      const items = expression(schema['items'] as Schema, declared);
      return items.includes('|') ? `(${items})[]` : `${items}[]`;
    }
    default:
      return expression(schema['type'] as Schema, declared);
  }
}

function declare(name: string, text: string, declared: Map<string, string>): void {
  const before = declared.get(name);
  if (before !== undefined && before !== text) throw new Error(`schemas: ${name} has two shapes; give them two names`);
  declared.set(name, text);
}

/** The content of schemas/types.ts, from the .avsc files of a folder. */
export function generateTypes(folder: string): string {
  const declared = new Map<string, string>();
  for (const file of readdirSync(folder)
    .filter((f) => f.endsWith('.avsc'))
    .sort()) {
    expression(JSON.parse(readFileSync(join(folder, file), 'utf8')) as Schema, declared);
  }
  return `// Generated from schemas/*.avsc by scripts/generate-types.ts. Do not edit.\n\n${[...declared.values()].join('\n\n')}\n`;
}

/** The content of schemas/documents.ts: every schema by the name of its topic. */
export function generateDocuments(folder: string): string {
  const entries = readdirSync(folder)
    .filter((f) => f.endsWith('.avsc'))
    .sort()
    .map((file) => {
      const document = JSON.stringify(JSON.parse(readFileSync(join(folder, file), 'utf8')));
      return `  '${file.replace(/\.avsc$/, '')}': ${document},`;
    });
  return `// Generated from schemas/*.avsc by scripts/generate-types.ts. Do not edit.\n\nexport const SCHEMAS = {\n${entries.join('\n')}\n} as const;\n`;
}

if (process.argv[1]?.includes('generate-types')) {
  writeFileSync('schemas/types.ts', generateTypes('schemas'));
  writeFileSync('schemas/documents.ts', generateDocuments('schemas'));
  console.log('wrote schemas/types.ts and schemas/documents.ts');
}
