interface SparklineProps {
  /** Null while unknown, or if there is no past. */
  points: readonly number[] | null;
  label: string;
}

const WIDTH = 96;
const HEIGHT = 28;

/** A trend at the size of a word. */
export function Sparkline({ points, label }: SparklineProps) {
  if (points === null || points.length < 2) return <span className="spark" aria-hidden="true" />;
  const top = Math.max(1, ...points);
  const line = points
    .map((value, index) => `${(index / (points.length - 1)) * WIDTH},${HEIGHT - 2 - (value / top) * (HEIGHT - 4)}`)
    .join(' ');
  return (
    <svg
      className="spark"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      role="img"
      aria-label={`${label}: from ${points[0]} to ${points.at(-1)}`}
      preserveAspectRatio="none"
    >
      <polygon points={`0,${HEIGHT} ${line} ${WIDTH},${HEIGHT}`} className="spark-area" />
      <polyline points={line} className="spark-line" vectorEffect="non-scaling-stroke" />
    </svg>
  );
}
