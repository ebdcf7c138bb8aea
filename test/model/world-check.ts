// What the disk statistics of a device that is idle must say of each other and of its counters.

import * as abi from '../../assembly/abi.ts';
import { type CoreDriver, check } from '../support/core-driver.ts';

const GROUPS = [abi.COUNTER_DISK_READ, abi.COUNTER_DISK_WRITE, abi.COUNTER_DISK_DISCARD, abi.COUNTER_DISK_FLUSH];

export function checkStatistics(driver: CoreDriver, devices: readonly number[]): void {
  for (const device of devices) {
    const counter = (number: number): number => driver.counter(device, number);
    const sum = (word: number): number => GROUPS.reduce((total, group) => total + counter(group + word), 0);
    const what = `device ${device}`;
    check(driver.figure(device, abi.FIGURE_DISK_IN_FLIGHT) === 0, () => `${what}: I/O in flight in the disk statistics`);
    const merges = counter(abi.COUNTER_BACK_MERGES) + counter(abi.COUNTER_FRONT_MERGES) + counter(abi.COUNTER_REQUEST_MERGES);
    check(sum(abi.DISK_MERGES) === merges, () => `${what}: ${sum(abi.DISK_MERGES)} merges of ${merges}`);
    if (driver.kindOf(device) === abi.DEVICE_BIO) {
      const ended = counter(abi.COUNTER_BIOS_ENDED);
      check(sum(abi.DISK_IOS) === ended, () => `${what}: ${sum(abi.DISK_IOS)} I/Os in the disk statistics, ${ended} bios`);
      const own = driver.bios.filter((bio) => bio.device === device);
      const sectors = own.reduce((total, bio) => total + bio.sectors, 0);
      // what is left of a part that went on piece by piece is not counted when a piece fails
      const hasFailed = own.some(({ status }) => status !== abi.STATUS_OK);
      const isRight = hasFailed ? sum(abi.DISK_SECTORS) <= sectors : sum(abi.DISK_SECTORS) === sectors;
      check(isRight, () => `${what}: ${sum(abi.DISK_SECTORS)} sectors of ${sectors}`);
    }
    const [busyNs, allNs] = [counter(abi.COUNTER_DISK_BUSY_NS), sum(abi.DISK_NS)];
    check(busyNs <= driver.nowNs, () => `${what}: busy for longer than there is time`);
    for (const group of GROUPS) {
      check(counter(group + abi.DISK_NS) >= 0, () => `${what}: a time below zero`);
      const isNone = counter(group + abi.DISK_IOS) === 0;
      check(!isNone || counter(group + abi.DISK_NS) === 0, () => `${what}: time without an I/O`);
    }
    check(sum(abi.DISK_IOS) > 0 || allNs === 0, () => `${what}: time without an I/O`);
    check(counter(abi.COUNTER_DISK_FLUSH + abi.DISK_SECTORS) === 0, () => `${what}: flushes with sectors`);
  }
}
