// Which write caches may hold acknowledged writes (rule: a flush covers every one of them).
//
// A cache domain is one write cache behind one or more paths. For each there are three sequence numbers that only grow:
//
//   dirty    one more for each write that a path of the domain has answered, in whatever way: parts of a failed one may
//            have been acknowledged
//   flushed  what `dirty` was when the newest flush that succeeded was given to the domain
//   told     up to where a flush has failed because the domain was lost, so that its loss is told to users once
//
// The domain holds acknowledged writes while dirty > flushed.
//
// The record of a domain belongs to the mapped device, not to a table: writes acknowledged under the old table must be
// covered by a flush under the new one. So the ledger of a device lives as long as any of its tables.

/** One write cache. */
export class CacheRecord {
  dirty: number = 0;
  flushed: number = 0;
  told: number = 0;
}

/** The caches behind one mapped device, by `DeviceReference.cacheDomain`. */
export class CacheLedger {
  private readonly records: Map<number, CacheRecord> = new Map();

  record(domain: number): CacheRecord {
    let record = this.records.get(domain);
    if (record === undefined) {
      record = new CacheRecord();
      this.records.set(domain, record);
    }
    return record;
  }

  /** Every cache that the device has ever had, of the tables before too: what is lost with a table must be told. */
  all(): readonly CacheRecord[] {
    return [...this.records.values()];
  }
}

/** The ledgers of all mapped devices, each kept from its first table to its last. */
export class CacheLedgers {
  private readonly ledgers: Map<string, { readonly ledger: CacheLedger; users: number }> = new Map();

  /** The ledger of a mapped device, for one more table of it. */
  take(deviceNumber: string): CacheLedger {
    let entry = this.ledgers.get(deviceNumber);
    if (entry === undefined) {
      entry = { ledger: new CacheLedger(), users: 0 };
      this.ledgers.set(deviceNumber, entry);
    }
    entry.users += 1;
    return entry.ledger;
  }

  /** A table of the device is gone. */
  giveBack(deviceNumber: string): void {
    const entry = this.ledgers.get(deviceNumber);
    if (entry === undefined) return;
    entry.users -= 1;
    if (entry.users === 0) this.ledgers.delete(deviceNumber);
  }
}
