// Listeners of users, called from the middle of our own work.

/** What a listener throws goes to the process, as with every emitter, but keeps nobody else from being told. */
export function callApart(run: () => void): void {
  try {
    run();
  } catch (error) {
    process.nextTick(() => {
      throw error;
    });
  }
}
