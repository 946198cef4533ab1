/** Every file that is made from others, by its path from the project's folder. */
import { configurationPage } from '../../lib/config/page.ts';
import { generateDocuments, generateTypes } from '../generate-types.ts';
import { SERVICE_CONFIGS } from './definitions.ts';

export const GENERATED: Record<string, () => string> = {
  'schemas/types.ts': () => generateTypes('schemas'),
  'schemas/documents.ts': () => generateDocuments('schemas'),
  'docs/configuration.md': () => configurationPage(Object.values(SERVICE_CONFIGS)),
};
