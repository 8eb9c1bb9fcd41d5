/** Preloaded into every child of the launcher: when the launcher is gone, however it ended, its children end too. */
process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'))
