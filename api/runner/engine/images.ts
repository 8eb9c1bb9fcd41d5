import type Docker from 'dockerode'
import { follow, inTime, rethrow, unlessMissing } from './answers.ts'

type OnLine = (text: string) => void

export function createEngineImages(docker: Docker) {
  return {
    async hasImage(tag: string): Promise<boolean> {
      return (await unlessMissing(docker.getImage(tag).inspect())) !== null
    },
    async tagImage(from: string, to: string): Promise<void> {
      const [repo = to, tag = 'latest'] = to.split(':')
      await inTime(docker.getImage(from).tag({ repo, tag }))
    },
    async pullImage(name: string, onLine: OnLine, signal: AbortSignal): Promise<void> {
      await follow(await docker.pull(name, { abortSignal: signal }).catch(rethrow), onLine)
    },
    /** `archive`: a tar of a root file system. */
    async importImage(archive: NodeJS.ReadableStream, to: string, onLine: OnLine): Promise<void> {
      const [repo = to, tag = 'latest'] = to.split(':')
      await follow(await docker.importImage(archive, { repo, tag }).catch(rethrow), onLine)
    },
    /** The classic builder of every engine since 20.10; `network` is the host's, where the package mirrors are. */
    async buildImage(
      context: NodeJS.ReadableStream,
      options: { tag: string; dockerfile: string; buildArgs: Record<string, string>; labels: Record<string, string> },
      onLine: OnLine,
    ): Promise<void> {
      const { tag, dockerfile, buildArgs } = options
      const asks = {
        t: tag,
        dockerfile,
        buildargs: buildArgs,
        labels: options.labels,
        networkmode: 'host',
        rm: true,
        forcerm: true,
      }
      // Its answer begins when the context has been sent.
      await follow(await docker.buildImage(context, asks).catch(rethrow), onLine)
    },
  }
}
