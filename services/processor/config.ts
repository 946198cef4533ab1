import { defineConfig, type Field } from '../../lib/config/index.ts';

export const TOPOLOGY_NAMES = ['carts', 'people', 'relay', 'flows'] as const;
export type TopologyName = (typeof TOPOLOGY_NAMES)[number];

const topologies: Field<TopologyName[]> = {
  fallback: TOPOLOGY_NAMES.join(','),
  doc: 'Topologies that this process runs. Run them in separate processes to scale them separately.',
  kind: `a comma-separated list of ${TOPOLOGY_NAMES.join(', ')}`,
  parse(text) {
    const names = text.split(',').map((name) => name.trim());
    const known = TOPOLOGY_NAMES.filter((name) => names.includes(name));
    if (known.length !== names.length) throw new Error(`must be ${this.kind}`);
    return known;
  },
};

export const PROCESSOR_CONFIG = defineConfig({
  name: 'processor',
  doc: 'Derives cart traits from deliveries (topology carts), people from carts (topology people), runs flows (topology flows), and forwards definitions to people (topology relay).',
  fields: { PROCESSOR_TOPOLOGIES: topologies },
});
