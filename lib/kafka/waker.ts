/** A sleep that can be cut short from outside. For one sleeper at a time. */
export class Waker {
  private finish: (() => void) | null = null;

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.wake(), ms);
      this.finish = () => {
        clearTimeout(timer);
        this.finish = null;
        resolve();
      };
    });
  }

  /** Ends the sleep under way, if there is one. */
  wake(): void {
    this.finish?.();
  }
}
