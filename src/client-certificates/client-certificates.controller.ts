import { Body, Delete, FormField, Get, Header, Path, Post, Queries, Request, Response, Route, Security, SuccessResponse, Tags, UploadedFile } from '@tsoa/runtime';
import { etagOfCertificate } from '../certificates/present.js';
import { certificateBytes, uploadedBytes } from '../certificates/certificate-bytes.js';
import { pointAtFile } from '../certificates/refusal.js';
import { ApiController, type ApiRequest } from '../contract/api-controller.js';
import type { PageQuery } from '../contract/page.js';
import type { Uuid } from '../contract/scalars.js';
import type { ClientCertificate, ClientCertificateInstall, ClientCertificatePage } from './client-certificates.contract.js';
import type { ClientCertificatesService, VersionedCertificate } from './client-certificates.service.js';

@Route('client-certificates')
@Tags('Client certificates')
export class ClientCertificatesController extends ApiController {
  constructor(private readonly certificates: ClientCertificatesService) {
    super();
  }

  /**
   * Lists the client certificates, newest first: the active one, and those that it replaced. Private keys are never shown.
   * @summary List client certificates
   */
  @Get()
  @Security('apiKey', ['administrator', 'auditor'])
  public async listClientCertificates(@Queries() query: PageQuery): Promise<ClientCertificatePage> {
    return this.certificates.list(query);
  }

  /**
   * Installs a certificate and makes it the active one: the one that was issued for a certificate request of ours, as PEM, DER or PKCS#7, with its
   * chain or without, in any order; or any one with its private key, as PKCS#12 (.p12 .pfx) or PEM. When `useClientCertificate` is set the next
   * connection to the mail server presents it, from every process, without a restart.
   *
   * A certificate that is here already is made active again, with the chain of this file (200).
   *
   * What cannot be used is 400, with a code for each reason: `CERTIFICATE_PASSPHRASE_REQUIRED`, `CERTIFICATE_PASSPHRASE_WRONG`,
   * `CERTIFICATE_PRIVATE_KEY_MISSING`, `CERTIFICATE_PRIVATE_KEYS_SEVERAL`, `CERTIFICATE_KEY_MISMATCH`, `CERTIFICATE_REQUEST_NOT_FOUND`,
   * `CERTIFICATE_EXPIRED`, `CERTIFICATE_NOT_YET_VALID`, `CERTIFICATE_IS_CA`, `CERTIFICATE_NOT_FOR_CLIENT_AUTH`, `CERTIFICATE_KEY_TOO_WEAK` (RSA
   * below 2048 bits, unusual curves), `CERTIFICATE_UNUSABLE`, `CERTIFICATE_ENCRYPTION_UNSUPPORTED`, `CERTIFICATE_ITERATIONS_TOO_MANY` (more than
   * 1,000,000), `CERTIFICATE_KEY_UNUSUAL` (RSA above 8192 bits, odd exponents), `CERTIFICATE_TOO_LARGE` (64 KiB each), `CERTIFICATES_TOO_MANY` (200),
   * `CERTIFICATE_FILE_TOO_COMPLEX` (30 s of computing), `CERTIFICATE_UNREADABLE`. 503 `CERTIFICATE_READER_BUSY` when 50 others wait.
   * @summary Install a client certificate
   */
  @Post()
  @Security('apiKey', ['administrator'])
  @SuccessResponse(201, 'Installed')
  @Response<ClientCertificate>(200, 'It was here already; it is the active one now')
  public async installClientCertificate(@Request() req: ApiRequest, @Body() body: ClientCertificateInstall): Promise<ClientCertificate> {
    return this.install(req, certificateBytes(body.certificate), body.passphrase ?? null);
  }

  /**
   * The same as `POST /v1/client-certificates`, for the file itself: `curl -F file=@mailroom.p12 -F passphrase=…`.
   * @summary Install a client certificate from a file
   * @param file .cer, .crt, .der, .pem, .p7b, .p12 or .pfx; at most 1 MiB.
   * @param passphrase Of a PKCS#12 file or an encrypted private key. It is not kept.
   * @maxLength passphrase 1024 must have at most 1024 characters
   */
  @Post('upload')
  @Security('apiKey', ['administrator'])
  @SuccessResponse(201, 'Installed')
  @Response<ClientCertificate>(200, 'It was here already; it is the active one now')
  public async uploadClientCertificate(@Request() req: ApiRequest, @UploadedFile() file: Express.Multer.File, @FormField() passphrase?: string): Promise<ClientCertificate> {
    return this.install(req, uploadedBytes(file, req.body, ['passphrase']), passphrase ?? null).catch(pointAtFile);
  }

  /**
   * The certificate with its chain, where it leads, and who installed and activated it when.
   * @summary Read a client certificate
   */
  @Get('{id}')
  @Security('apiKey', ['administrator', 'auditor'])
  public async getClientCertificate(@Path() id: Uuid): Promise<ClientCertificate> {
    return this.shown(await this.certificates.get(id));
  }

  /**
   * Makes the certificate the active one again; the one that was active stays as history. 409 `CERTIFICATE_EXPIRED` when its time is over.
   * @summary Activate a client certificate
   */
  @Post('{id}/activate')
  @Security('apiKey', ['administrator'])
  public async activateClientCertificate(@Request() req: ApiRequest, @Path() id: Uuid, @Header('If-Match') ifMatch?: string): Promise<ClientCertificate> {
    return this.shown(await this.certificates.activate(req.user, id, ifMatch));
  }

  /**
   * Deletes a certificate with its private key. 409 `CLIENT_CERTIFICATE_IN_USE` for the active one while the SMTP settings have
   * `useClientCertificate` set.
   * @summary Delete a client certificate
   */
  @Delete('{id}')
  @Security('apiKey', ['administrator'])
  @SuccessResponse(204, 'Deleted')
  public async deleteClientCertificate(@Request() req: ApiRequest, @Path() id: Uuid, @Header('If-Match') ifMatch?: string): Promise<void> {
    await this.certificates.delete(req.user, id, ifMatch);
  }

  private async install(req: ApiRequest, bytes: Buffer, passphrase: string | null): Promise<ClientCertificate> {
    const { certificate, version, created } = await this.certificates.install(req.user, bytes, passphrase);
    return this.made(created ? 201 : 200, `/v1/client-certificates/${certificate.id}`, certificate, etagOfCertificate({ certificate, version }));
  }

  private shown(versioned: VersionedCertificate): ClientCertificate {
    return this.entity(versioned.certificate, etagOfCertificate(versioned));
  }
}
