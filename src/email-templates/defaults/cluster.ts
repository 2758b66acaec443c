import type { Draft, Drafts } from '../draft.js';
import { about } from './phrases.js';

const onCluster = (draft: Draft): Draft => ({ subject: about('ClusterMemberName'), facts: ['ClusterMemberName', 'ErrorMessage'], ...draft });

const REPLICA = '{{ ClusterMemberName | default: "A replica" }}';

/** Appliances that work together. */
export const cluster: Drafts = {
  ClusterFailoverStarted: onCluster({
    accent: 'warning',
    heading: 'A failover has started',
    lead: 'The primary role of the cluster is moving to {{ ClusterMemberName | default: "another appliance" }}.',
    meaning: 'Nothing can be changed until the move is complete.',
    next: 'If nobody ordered this, check why the former primary is no longer in charge.',
  }),
  ClusterFailoverCompleted: onCluster({
    heading: 'A failover is complete',
    lead: '{{ ClusterMemberName | default: "Another appliance" }} is now the primary of the cluster.',
    next: 'Check that all replicas are connected to the new primary.',
  }),
  ClusterReplicaEnrollmentCompleted: onCluster({
    heading: 'A replica has joined the cluster',
    lead: `${REPLICA} was enrolled and is now a member of the cluster.`,
    next: 'If you do not know this appliance, remove it at once: a replica holds all data of the cluster.',
  }),
  ClusterReplicaRemovalStarted: onCluster({
    accent: 'warning',
    heading: 'A replica is being removed',
    lead: `${REPLICA} is being removed from the cluster.`,
    meaning: 'The cluster has one copy of its data less from then on.',
    next: 'If nobody ordered this, find out who did it in the audit log.',
  }),
  ClusterResetStarted: onCluster({
    accent: 'warning',
    heading: 'A cluster reset has started',
    lead: 'The cluster is being reset to a new set of members.',
    meaning: 'Appliances outside that set are no longer members, and what only they knew may be lost.',
    next: 'If nobody ordered this, find out who did it in the audit log, and keep the other appliances switched on.',
  }),
  ClusterPrimaryQuorumLost: onCluster({
    accent: 'error',
    heading: 'The primary has lost its majority',
    lead: 'The primary appliance can no longer reach a majority of the cluster.',
    meaning: 'To keep the data consistent, nothing can be changed until it can.',
    next: 'Check the network between the appliances and that they are switched on.',
  }),
  ClusterPrimaryQuorumRestored: onCluster({
    heading: 'The primary has its majority again',
    lead: 'The primary appliance reaches a majority of the cluster again, and changes are possible.',
  }),
  ClusterReplicaQuorumLost: onCluster({
    heading: 'A replica has lost the majority',
    lead: `${REPLICA} can no longer reach a majority of the cluster.`,
    meaning: 'It goes on with the data that it has, which is getting old.',
    next: 'Check the network between the appliances and that they are switched on.',
  }),
  ClusterReplicaDisconnected: onCluster({
    accent: 'warning',
    heading: 'A replica is disconnected',
    lead: `${REPLICA} has lost its connection to the cluster.`,
    next: 'Check that it is switched on and that the network and the ports between the appliances are open.',
  }),
  PrimaryDisconnectedFromReplica: onCluster({
    accent: 'warning',
    heading: 'The primary cannot reach a replica',
    lead: 'The primary appliance has lost its connection to {{ ClusterMemberName | default: "a replica" }}.',
    next: 'Check that the replica is switched on and that the network and the ports between the appliances are open.',
  }),
};
