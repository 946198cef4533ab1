/** The configurations of all services. */
import { apiConfig } from '../../services/api/config.ts';
import { AUDIENCES_CONFIG } from '../../services/audiences/config.ts';
import { DELIVERY_CONFIG } from '../../services/delivery/config.ts';
import { ingestConfig } from '../../services/ingest/config.ts';
import { PROCESSOR_CONFIG } from '../../services/processor/config.ts';
import { SINK_CONFIG } from '../../services/sink/config.ts';

export const SERVICE_CONFIGS = {
  ingest: ingestConfig,
  processor: PROCESSOR_CONFIG,
  sink: SINK_CONFIG,
  audiences: AUDIENCES_CONFIG,
  delivery: DELIVERY_CONFIG,
  api: apiConfig,
};
