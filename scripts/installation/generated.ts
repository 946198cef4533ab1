/** Every generated file, by its path in the project. */
import { helpText } from '../../lib/config/index.ts';
import { configurationPage } from '../../lib/config/page.ts';
import { generateApiTypes, generateIngestTypes } from '../generate-clients.ts';
import { generateDocuments, generateTypes } from '../generate-types.ts';
import { PROGRAM_NAMES, programConfig, type ProgramName } from './configuration.ts';
import { SERVICE_CONFIGS } from './definitions.ts';

const help = (name: ProgramName): [string, () => string] => [
  `scripts/help/${name}.txt`,
  () => `${helpText(programConfig(name))}\nThe services read more variables: docs/configuration.md.\n`,
];

export const GENERATED: Record<string, () => string | Promise<string>> = {
  'schemas/types.ts': () => generateTypes('schemas'),
  'schemas/documents.ts': () => generateDocuments('schemas'),
  'lib/client/generated/api.ts': generateApiTypes,
  'lib/client/generated/ingest.ts': generateIngestTypes,
  'docs/configuration.md': () => configurationPage(Object.values(SERVICE_CONFIGS)),
  // Plain files, so that --help works before packages are installed.
  ...Object.fromEntries(PROGRAM_NAMES.map(help)),
};
