import type { Draft, Drafts } from '../draft.js';
import type { FactName } from '../facts.js';
import { ABOUT_ACCOUNT, FOR_DURATION, ON_ASSET, REQUESTER, THE_ACCOUNT } from './phrases.js';

export const REQUEST_FACTS: FactName[] = [
  'Requester', 'AccountName', 'AssetName', 'AssetNetworkAddress', 'Reason', 'ReasonCode', 'Comment', 'TicketNumber', 'DurationInMinutes',
  'RequiredDate', 'RequestId',
];

const SUBJECT = `${ABOUT_ACCOUNT}{% if Requester %} ({{ Requester }}){% endif %}`;
const COMMENT = '{% if Comment %} The comment below says why.{% endif %}';

const APPROVE = { label: 'Review request', property: 'ApproverAccessRequestUri' };
const OPEN = { label: 'Open request', property: 'RequesterAccessRequestUri' };
const REVIEW = { label: 'Start review', property: 'ReviewerAccessRequestUri' };

const request = (draft: Draft): Draft => ({ subject: SUBJECT, facts: REQUEST_FACTS, action: OPEN, ...draft });

/** The life of an access request, from the wish to the review. */
export const accessRequests: Drafts = {
  AccessRequestCreated: request({
    heading: 'New access request',
    lead: `${REQUESTER} has asked for access to ${THE_ACCOUNT}${FOR_DURATION}.`,
    meaning: 'Nothing is granted yet. The request goes the way that its policy lays down.',
  }),
  AccessRequestPendingApproval: request({
    accent: 'action',
    heading: 'An access request awaits approval',
    lead: `${REQUESTER} asks for access to ${THE_ACCOUNT}${FOR_DURATION} and needs an approver to decide.`,
    next: 'Check who asks and why, then approve or deny the request. No access is given before all approvals are in.',
    action: APPROVE,
  }),
  AccessRequestAdminPendingApproval: request({
    accent: 'action',
    heading: 'An access request needs an administrator',
    lead: `${REQUESTER} asks for access to ${THE_ACCOUNT}${FOR_DURATION}, but no approver is able to decide.`,
    next: 'Decide on the request, then give its policy approvers who are active, so that later requests do not get stuck.',
    action: APPROVE,
  }),
  ApprovalEscalation: request({
    accent: 'action',
    heading: 'An access request has waited too long',
    lead: `The request of ${REQUESTER.replace('A user', 'a user')} for access to ${THE_ACCOUNT} was not decided in time and was passed on.`,
    next: 'Approve or deny the request now: the requester is still waiting.',
    action: APPROVE,
  }),
  AccessRequestApprovalReceived: request({
    heading: 'An approval has come in',
    lead: `One approver has approved the request for access to ${THE_ACCOUNT}.`,
    meaning: 'Access begins when all approvals that the policy asks for are in.',
  }),
  AccessRequestApproved: request({
    heading: 'Access request approved',
    lead: `The request for access to ${THE_ACCOUNT}${FOR_DURATION} was approved.`,
    meaning: '{% if RequiredDate %}Access begins at the time given below.{% else %}Access can be used as soon as the request is available.{% endif %}',
    next: 'Open the request to see the credential or to start the session, and check it in when the work is done.',
  }),
  AccessRequestAutoApproved: request({
    heading: 'Access request approved automatically',
    lead: `The request for access to ${THE_ACCOUNT}${FOR_DURATION} was approved without a person's decision, as its policy allows.`,
    next: 'If this access should need an approver, change the policy.',
  }),
  AccessRequestAvailable: request({
    heading: 'Access is ready to use',
    lead: `Access to ${THE_ACCOUNT} can be used from now on${FOR_DURATION}.`,
    next: 'Open the request to see the credential or to start the session, and check it in when the work is done.',
  }),
  AccessRequestDenied: request({
    heading: 'Access request denied',
    lead: `The request for access to ${THE_ACCOUNT} was denied.${COMMENT}`,
    next: 'If the access is still needed, settle the open questions with the approver and make a new request.',
  }),
  AccessRequestCancelled: request({
    heading: 'Access request withdrawn',
    lead: `The request for access to ${THE_ACCOUNT} was withdrawn before it was used.`,
    meaning: 'Approvers need do nothing more about it.',
  }),
  AccessRequestExpired: request({
    heading: 'Access request expired',
    lead: `The request for access to ${THE_ACCOUNT} has reached its end, and the access with it.`,
    next: 'If the work is not finished, make a new request.',
  }),
  AccessRequestRevoked: request({
    accent: 'warning',
    heading: 'Access was revoked',
    lead: `Access to ${THE_ACCOUNT} that had been approved was taken back.${COMMENT}`,
    meaning: 'A session that was open is ended, and a credential that was shown is changed if the policy says so.',
    next: 'Stop work on this account. If the access is still needed, speak to an approver before you ask again.',
  }),
  AccessRequestCheckedIn: request({
    heading: 'Access was handed back',
    lead: `${REQUESTER} has finished and handed back the access to ${THE_ACCOUNT}.`,
  }),
  AccessRequestClosed: request({
    heading: 'Access request closed',
    lead: `An administrator has closed the request for access to ${THE_ACCOUNT}.${COMMENT}`,
  }),
  AccessRequestSessionFailure: request({
    accent: 'error',
    heading: 'A session failed',
    lead: `The session for ${THE_ACCOUNT} broke off or could not begin.`,
    next: 'Check that the asset can be reached and that its credential still works, then start the session again.',
    facts: [...REQUEST_FACTS, 'ErrorMessage'],
  }),
  EmergencyAccessGranted: request({
    accent: 'warning',
    heading: 'Emergency access was granted',
    lead: `${REQUESTER} has declared an emergency and was given access to ${THE_ACCOUNT}${FOR_DURATION} without approval.`,
    next: 'Make sure that the emergency is real. If you cannot confirm it, revoke the access and have the credential changed.',
    action: APPROVE,
  }),
  ReviewNeeded: request({
    accent: 'action',
    heading: 'An access request awaits review',
    lead: `The access of ${REQUESTER.replace('A user', 'a user')} to ${THE_ACCOUNT} has ended and is to be reviewed.`,
    next: 'Check that what was done fits the reason given, then complete the review. It may block further requests until then.',
    action: REVIEW,
  }),
  ReviewEscalation: request({
    accent: 'action',
    heading: 'A review has waited too long',
    lead: `The review of finished access to ${THE_ACCOUNT} was not done in time and was passed on.`,
    next: 'Check that what was done fits the reason given, then complete the review.',
    action: REVIEW,
  }),
  AccessRequestAdminReviewNeeded: request({
    accent: 'action',
    heading: 'A review needs an administrator',
    lead: `Finished access to ${THE_ACCOUNT} is to be reviewed, but no reviewer is able to do it.`,
    next: 'Complete the review, then give the policy reviewers who are active.',
    action: REVIEW,
  }),
  AccessRequestReviewComplete: request({
    heading: 'Review complete',
    lead: `All reviews of the finished access to ${THE_ACCOUNT} are done.`,
    action: REVIEW,
  }),
  PasswordReleased: request({
    heading: 'A password was released',
    lead: `The password of ${THE_ACCOUNT} was shown to ${REQUESTER.replace('A user', 'a requester')}.`,
    next: 'If this was not expected, revoke the request and change the password.',
  }),
  SshKeyReleased: request({
    heading: 'An SSH key was released',
    lead: `The SSH key of ${THE_ACCOUNT} was handed to ${REQUESTER.replace('A user', 'a requester')}.`,
    next: 'If this was not expected, revoke the request and change the key.',
  }),
  AccountWasSuspended: request({
    heading: 'An account was suspended',
    lead: `The account{% if AccountName %} {{ AccountName }}{% endif %}${ON_ASSET} was suspended because no request needs it now.`,
    meaning: 'It is restored by itself when a request needs it.',
  }),
  AccountWasRestored: request({
    heading: 'An account was restored',
    lead: `The account{% if AccountName %} {{ AccountName }}{% endif %}${ON_ASSET} was restored because a request needs it.`,
    meaning: 'It is suspended again when the request ends.',
  }),
};
