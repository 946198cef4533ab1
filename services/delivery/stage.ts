/** Names the group, the changelog and the transactional ids of delivery. */
export const STAGE = 'delivery';
