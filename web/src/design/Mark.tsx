/** The logo. */
export function Mark({ size }: { size: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="9" fill="var(--mark)" />
      <path
        d="M6 21c5 0 5-10 10-10s5 10 10 10"
        fill="none"
        stroke="var(--mark-line)"
        strokeWidth="2.6"
        strokeLinecap="round"
      />
      <circle cx="16" cy="11" r="3.4" fill="#f2b45c" />
    </svg>
  );
}
