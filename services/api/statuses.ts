/** The statuses of Jane that are documented, along the life of a cart, and what they mean. */
export const STATUSES: readonly { status: string; meaning: string }[] = [
  { status: 'pending', meaning: 'cart created, checkout not completed' },
  { status: 'verification', meaning: 'order submitted, not yet accepted by the store' },
  {
    status: 'staff_member_review',
    meaning: 'needs manual review by a staff member before moving forward',
  },
  { status: 'preparing', meaning: 'accepted, being prepared' },
  { status: 'delivery_started', meaning: 'left the store, out for delivery' },
  { status: 'delivery_finished', meaning: 'delivered to the customer' },
  { status: 'ready_for_pickup', meaning: 'prepared, ready for in-store pickup' },
  { status: 'finished', meaning: 'completed after pickup or delivery' },
  { status: 'with_review', meaning: 'completed, and the customer has submitted a review' },
  { status: 'cancelled', meaning: 'cancelled by the customer while still in verification' },
  { status: 'dismissed', meaning: 'cancelled by the store' },
  { status: 'finished_without_review', meaning: 'legacy: completed without a review' },
];
