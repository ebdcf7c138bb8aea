// How long the arm takes for so many cylinders.
//
// From a measured table, with straight lines between its points; or, where there is none, from three figures of a data
// sheet: a + b·√d for short ways, c + e·d for long ones, continuous at their border.

export type SeekDescription =
  | { readonly points: readonly (readonly [cylinders: number, ms: number])[] }
  | { readonly singleMs: number; readonly averageMs: number; readonly fullMs: number };

/** Milliseconds by cylinders, 0 … cylinders - 1. The first is 0. */
export function seekCurve(seek: SeekDescription, cylinders: number): Float64Array {
  const curve = new Float64Array(cylinders);
  const timeOf = 'points' in seek ? fromTable(seek.points) : fromSheet(seek, cylinders);
  for (let distance = 1; distance < cylinders; distance++) curve[distance] = timeOf(distance);
  return curve;
}

function fromTable(points: readonly (readonly [number, number])[]): (distance: number) => number {
  let at = 0;
  return (distance) => {
    while (at + 2 < points.length && (points[at + 1] as readonly [number, number])[0] < distance) at++;
    const [d0, t0] = points[at] as readonly [number, number];
    const [d1, t1] = (points[at + 1] ?? points[at]) as readonly [number, number];
    if (distance <= d0) return t0;
    return d1 === d0 ? t0 : t0 + ((t1 - t0) * (distance - d0)) / (d1 - d0);
  };
}

/** A third of all cylinders is the mean way between two random places, and takes the average time. */
function fromSheet(
  { singleMs, averageMs, fullMs }: { singleMs: number; averageMs: number; fullMs: number },
  cylinders: number,
): (distance: number) => number {
  const border = cylinders / 3;
  const b = (averageMs - singleMs) / (Math.sqrt(border) - 1);
  const e = (fullMs - averageMs) / (cylinders - 1 - border);
  return (distance) => (distance < border ? singleMs + b * (Math.sqrt(distance) - 1) : averageMs + e * (distance - border));
}
