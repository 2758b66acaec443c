import { Get, Queries, Request, Route, Security, SuccessResponse, Tags } from '@tsoa/runtime';
import { ApiController, type ApiRequest } from '../contract/api-controller.js';
import type { SupportBundleQuery } from './support-bundle.contract.js';
import { fileNameAt, type SupportBundleService } from './support-bundle.service.js';

@Route('support-bundle')
@Tags('Support')
export class SupportBundleController extends ApiController {
  constructor(private readonly bundles: SupportBundleService) {
    super();
  }

  /**
   * A ZIP file for whoever is to find out why mail does not arrive: the SMTP sessions of the last days (`SMTPSVC1/`, one file for each day in
   * UTC), versions, settings and counts. There is no password, key, token or message in it; there are e-mail addresses.
   *
   * It is made while it is sent. When that fails half way the connection breaks off, so a download that ends well is whole.
   * @summary Download a support bundle
   */
  @Get()
  @Security('apiKey', ['administrator', 'auditor'])
  @SuccessResponse(200, 'The ZIP file', 'application/zip')
  public async getSupportBundle(@Request() req: ApiRequest, @Queries() query: SupportBundleQuery): Promise<Buffer> {
    const now = new Date();
    const bundle = req.method === 'HEAD' ? null : await this.bundles.prepare(now, query.days);
    const response = req.res!.status(200).set({ 'Content-Type': 'application/zip', 'Content-Disposition': `attachment; filename="${fileNameAt(now)}"` });
    await (bundle === null ? response.end() : bundle.sendTo(response));
    return undefined as never; // tsoa adds nothing to an answer that was sent; the type is for the contract
  }
}
