// Masks of CPUs as the kernel reads and prints them: hexadecimal, the lowest CPU in the last digit, in groups of up to eight
// digits with commas between.
//
//   "3"                     CPUs 0 and 1
//   "1,00000000"            CPU 32

const GROUPS = /^[0-9a-f]{1,8}(,[0-9a-f]{1,8})*$/i;
const BITS_A_DIGIT = 4;
const DIGITS_A_GROUP = 8;

/** The CPUs of a mask in ascending order; undefined for what is no mask, or names a CPU from `cpus` on. */
export function parseCpuMask(text: string, cpus: number): number[] | undefined {
  if (!GROUPS.test(text)) return undefined;
  const digits = text
    .split(',')
    .map((group, index) => (index === 0 ? group : group.padStart(DIGITS_A_GROUP, '0')))
    .join('');
  const found: number[] = [];
  for (let place = 0; place < digits.length; place++) {
    const digit = Number.parseInt(digits[digits.length - 1 - place], 16);
    for (let bit = 0; bit < BITS_A_DIGIT; bit++) if (((digit >> bit) & 1) === 1) found.push(place * BITS_A_DIGIT + bit);
  }
  return found.every((cpu) => cpu < cpus) ? found : undefined;
}

/** The mask of these CPUs, with as many digits as `cpus` CPUs need. */
export function printCpuMask(members: readonly number[], cpus: number): string {
  const digits = Array.from({ length: Math.max(1, Math.ceil(cpus / BITS_A_DIGIT)) }, () => 0);
  for (const cpu of members) digits[Math.floor(cpu / BITS_A_DIGIT)] |= 1 << (cpu % BITS_A_DIGIT);
  const text = digits.reverse().map((digit) => digit.toString(16));
  const groups: string[] = [];
  for (let end = text.length; end > 0; end -= DIGITS_A_GROUP)
    groups.unshift(text.slice(Math.max(0, end - DIGITS_A_GROUP), end).join(''));
  return groups.join(',');
}
