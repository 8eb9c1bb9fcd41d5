import swagger from '@fastify/swagger'
import { jsonSchemaTransform } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { errorBody } from '../../contract/errors.ts'
import type { App } from './route.ts'

/** GET /api/openapi.json, made from the same schemas that judge the requests. Call before any route is registered. */
export async function describeApi(app: App, version: string): Promise<void> {
  app.addHook('onRoute', (route) => {
    const { schema } = route
    if (!schema || schema.hide) return
    const { response } = schema
    schema.response = { '4xx': errorBody, '5xx': errorBody, ...(typeof response === 'object' ? response : {}) }
  })
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Backlot', version, description: 'Everything that the web does, a script can do.' },
      components: {
        securitySchemes: {
          cookie: { type: 'apiKey', in: 'cookie', name: 'backlot_session' },
          token: { type: 'http', scheme: 'bearer', description: 'An API token: POST /api/v1/tokens.' },
        },
      },
      security: [{ cookie: [] }, { token: [] }],
    },
    transform: jsonSchemaTransform,
  })
  app.get(
    '/api/openapi.json',
    { config: { access: 'public' }, schema: { hide: true, response: { 200: z.unknown() } } },
    async () => app.swagger(),
  )
}
