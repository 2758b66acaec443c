import { Body, Get, Header, Put, Request, Route, Security, Tags } from '@tsoa/runtime';
import { ApiController, type ApiRequest } from '../contract/api-controller.js';
import type { DnsSettings, DnsSettingsUpdate } from './dns-settings.contract.js';
import type { DnsSettingsService } from './dns-settings.service.js';

@Route('dns-settings')
@Tags('DNS settings')
export class DnsSettingsController extends ApiController {
  constructor(private readonly dnsSettings: DnsSettingsService) {
    super();
  }

  /**
   * The DNS servers that are asked for the addresses of mail servers.
   * @summary Read the DNS settings
   */
  @Get()
  @Security('apiKey', ['administrator', 'auditor'])
  public async getDnsSettings(): Promise<DnsSettings> {
    const { settings, version } = await this.dnsSettings.get();
    return this.entity(settings, version);
  }

  /**
   * Replaces the settings. They are used for every look-up from now on (A, AAAA and MX). Mail that waits for a retry is tried again at
   * once. What you read can be sent back unchanged.
   * @summary Replace the DNS settings
   */
  @Put()
  @Security('apiKey', ['administrator'])
  public async putDnsSettings(@Request() req: ApiRequest, @Body() body: DnsSettingsUpdate, @Header('If-Match') ifMatch?: string): Promise<DnsSettings> {
    const { settings, version } = await this.dnsSettings.put(req.user, body, ifMatch);
    return this.entity(settings, version);
  }
}
