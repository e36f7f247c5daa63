export default async function teardown(): Promise<void> {
  await Promise.all([globalThis.testRedis?.stop(), globalThis.testServers?.stop()]);
}
