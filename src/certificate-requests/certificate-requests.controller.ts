import { Body, Delete, Get, Header, Path, Post, Queries, Request, Route, Security, SuccessResponse, Tags } from '@tsoa/runtime';
import { ApiController, type ApiRequest } from '../contract/api-controller.js';
import type { PageQuery } from '../contract/page.js';
import type { Uuid } from '../contract/scalars.js';
import type { CertificateRequest, CertificateRequestCreate, CertificateRequestPage } from './certificate-requests.contract.js';
import type { CertificateRequestsService } from './certificate-requests.service.js';
import { requestFile } from './request-file.js';

@Route('certificate-requests')
@Tags('Certificate requests')
export class CertificateRequestsController extends ApiController {
  constructor(private readonly requests: CertificateRequestsService) {
    super();
  }

  /**
   * Lists the requests, newest first. Private keys are never shown.
   * @summary List certificate requests
   */
  @Get()
  @Security('apiKey', ['administrator', 'auditor'])
  public async listCertificateRequests(@Queries() query: PageQuery): Promise<CertificateRequestPage> {
    return this.requests.list(query);
  }

  /**
   * Makes a key pair and a request (CSR, PKCS#10) for a certificate with which Mailroom signs in to the mail server. Send the request (`pem`) to
   * your certificate authority, and install what it answers with `POST /v1/client-certificates`. The private key never leaves Mailroom. The
   * request asks for the purpose clientAuth.
   * @summary Create a certificate request
   */
  @Post()
  @Security('apiKey', ['administrator'])
  @SuccessResponse(201, 'Created')
  public async createCertificateRequest(@Request() req: ApiRequest, @Body() body: CertificateRequestCreate): Promise<CertificateRequest> {
    const { request, version } = await this.requests.create(req.user, body);
    return this.made(201, `/v1/certificate-requests/${request.id}`, request, version);
  }

  /**
   * As JSON, or as the file alone: send `Accept: application/x-pem-file` for PEM, or `Accept: application/pkcs10` for DER.
   * @summary Read or download a certificate request
   */
  @Get('{id}')
  @Security('apiKey', ['administrator', 'auditor'])
  @SuccessResponse(200, 'The request', ['application/json', 'application/x-pem-file', 'application/pkcs10'])
  public async getCertificateRequest(@Request() req: ApiRequest, @Path() id: Uuid): Promise<CertificateRequest> {
    const { request, version } = await this.requests.get(id);
    req.res!.vary('Accept'); // beside what else it varies by
    const file = requestFile(request, (types) => req.accepts(types));
    if (file !== null) this.file(req, file);
    return this.entity(request, version);
  }

  /**
   * Deletes a request with its private key. A certificate that is issued for it later cannot be installed any more; one that is installed already
   * stays as it is.
   * @summary Delete a certificate request
   */
  @Delete('{id}')
  @Security('apiKey', ['administrator'])
  @SuccessResponse(204, 'Deleted')
  public async deleteCertificateRequest(@Request() req: ApiRequest, @Path() id: Uuid, @Header('If-Match') ifMatch?: string): Promise<void> {
    await this.requests.delete(req.user, id, ifMatch);
  }
}
