import { Body, Delete, FormField, Get, Header, Path, Post, Queries, Request, Response, Route, Security, SuccessResponse, Tags, UploadedFile } from '@tsoa/runtime';
import { etagOfCertificate } from '../certificates/present.js';
import { certificateBytes, uploadedBytes } from '../certificates/certificate-bytes.js';
import { pointAtFile } from '../certificates/refusal.js';
import { ApiController, type ApiRequest } from '../contract/api-controller.js';
import type { PageQuery } from '../contract/page.js';
import type { Uuid } from '../contract/scalars.js';
import type { AddedTrustedCertificate, TrustedCertificate, TrustedCertificatePage, TrustedCertificateUpload } from './trusted-certificates.contract.js';
import type { TrustedCertificatesService } from './trusted-certificates.service.js';

@Route('trusted-certificates')
@Tags('Trusted certificates')
export class TrustedCertificatesController extends ApiController {
  constructor(private readonly certificates: TrustedCertificatesService) {
    super();
  }

  /**
   * Lists the trusted certificates, newest first; the public roots of Node.js and those of NODE_EXTRA_CA_CERTS are not among them.
   * @summary List trusted certificates
   */
  @Get()
  @Security('apiKey', ['administrator', 'auditor'])
  public async listTrustedCertificates(@Queries() query: PageQuery): Promise<TrustedCertificatePage> {
    return this.certificates.list(query);
  }

  /**
   * Adds the certificate of a private certificate authority, so that mail servers with certificates of that authority are verified; or a chain, all
   * of it or nothing. A self-signed certificate of a server is taken too. The next connection uses it, in every process, without a restart, and
   * mail that waits is tried again at once. At most 500 in all.
   *
   * The answer is the first certificate of the file, with the `others`; each is a resource of its own. What is here already stays as it is: 200
   * when that is all of them.
   *
   * 400 with `SMTP_PASSWORD_REQUIRED`, `CERTIFICATE_NOT_CA`, `CERTIFICATE_EXPIRED`, `CERTIFICATE_PRIVATE_KEY_UNEXPECTED`, `CERTIFICATE_KEY_UNUSUAL`,
   * `CERTIFICATE_TOO_LARGE` (64 KiB each), `CERTIFICATES_TOO_MANY` (200 in a file), or
   * `CERTIFICATE_UNREADABLE`; 409 `TRUSTED_CERTIFICATES_FULL`.
   * @summary Add trusted certificates
   */
  @Post()
  @Security('apiKey', ['administrator'])
  @SuccessResponse(201, 'Added')
  @Response<AddedTrustedCertificate>(200, 'All of them were here already')
  public async addTrustedCertificates(@Request() req: ApiRequest, @Body() body: TrustedCertificateUpload): Promise<AddedTrustedCertificate> {
    return this.add(req, certificateBytes(body.certificate), body.smtpPassword);
  }

  /**
   * The same as `POST /v1/trusted-certificates`, for the file itself: `curl -F file=@ca.pem`.
   * @summary Add trusted certificates from a file
   * @param file .cer, .crt, .der, .pem or .p7b; at most 1 MiB.
   * @param smtpPassword The password (or client secret) that the SMTP settings log in with; needed while one is stored and DNS servers are set.
   */
  @Post('upload')
  @Security('apiKey', ['administrator'])
  @SuccessResponse(201, 'Added')
  @Response<AddedTrustedCertificate>(200, 'All of them were here already')
  public async uploadTrustedCertificates(@Request() req: ApiRequest, @UploadedFile() file: Express.Multer.File, @FormField() smtpPassword?: string): Promise<AddedTrustedCertificate> {
    return this.add(req, uploadedBytes(file, req.body, ['smtpPassword']), smtpPassword).catch(pointAtFile);
  }

  /**
   * What the certificate of an authority says (subject, issuer, validity, fingerprint), and who added it when.
   * @summary Read a trusted certificate
   */
  @Get('{id}')
  @Security('apiKey', ['administrator', 'auditor'])
  public async getTrustedCertificate(@Path() id: Uuid): Promise<TrustedCertificate> {
    const versioned = await this.certificates.get(id);
    return this.entity(versioned.certificate, etagOfCertificate(versioned));
  }

  /**
   * Deletes a trusted certificate. The next connection to a mail server whose certificate needs it fails, and its mail waits.
   * @summary Delete a trusted certificate
   */
  @Delete('{id}')
  @Security('apiKey', ['administrator'])
  @SuccessResponse(204, 'Deleted')
  public async deleteTrustedCertificate(@Request() req: ApiRequest, @Path() id: Uuid, @Header('If-Match') ifMatch?: string): Promise<void> {
    await this.certificates.delete(req.user, id, ifMatch);
  }

  private async add(req: ApiRequest, bytes: Buffer, smtpPassword: string | null | undefined): Promise<AddedTrustedCertificate> {
    const { certificate: { others, ...certificate }, version, created } = await this.certificates.add(req.user, bytes, smtpPassword);
    return this.made(created ? 201 : 200, `/v1/trusted-certificates/${certificate.id}`, { ...certificate, others }, etagOfCertificate({ certificate, version }));
  }
}
