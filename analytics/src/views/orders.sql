-- Every order that reached an enterprise (a case in self-check), from the mirrored audit chain:
-- from when to when it was answered (`answered_at`), left unanswered (`ended_at` alone) or is still open
-- (both null). `due_at` is the deadline the queue set last, by its calendar; null for orders that were
-- answered before the queue kept every version of a case.
WITH changes AS (
  SELECT case_id, seq, case_version, to_state, effective_at
  FROM review_events
  WHERE from_state IS DISTINCT FROM to_state
),
sent AS (
  SELECT case_id, seq, case_version, effective_at AS delivered_at,
         lead(seq) OVER (PARTITION BY case_id ORDER BY seq) AS next_order
  FROM changes
  WHERE to_state = 'self_check'
),
ways AS (
  SELECT s.case_id, s.seq, s.case_version, s.delivered_at,
         min(CASE WHEN c.to_state = 'no_answer' THEN c.effective_at END) AS missed_at,
         min(CASE WHEN c.to_state = 'answered' THEN c.effective_at END) AS answered_at,
         min(CASE WHEN c.to_state <> 'no_answer' THEN c.effective_at END) AS ended_at,
         min(c.case_version) AS left_version
  FROM sent s
  LEFT JOIN changes c
    ON c.case_id = s.case_id AND c.seq > s.seq AND (s.next_order IS NULL OR c.seq < s.next_order)
  GROUP BY s.case_id, s.seq, s.case_version, s.delivered_at
),
due AS (
  SELECT w.case_id, w.seq, first_value(v.due_at ORDER BY v.version DESC) AS due_at
  FROM ways w
  JOIN review_cases v
    ON v.case_id = w.case_id AND v.state = 'self_check' AND v.version >= w.case_version
   AND (w.left_version IS NULL OR v.version < w.left_version)
  GROUP BY w.case_id, w.seq
),
cases AS (
  SELECT case_id, rule_id, severity, permit_no, unit_name, org_code, outlet_uid, mn, factor
  FROM (
    SELECT *, row_number() OVER (PARTITION BY case_id ORDER BY version DESC) AS place
    FROM review_cases
  )
  WHERE place = 1
)
-- A deadline takes effect when it passes, so an order that was missed tells its own.
SELECT w.case_id, w.seq AS order_seq, w.delivered_at, coalesce(d.due_at, w.missed_at) AS due_at,
       CASE WHEN w.answered_at = w.ended_at THEN w.answered_at END AS answered_at, w.ended_at,
       c.rule_id, c.severity, c.permit_no, c.unit_name, c.org_code, c.outlet_uid, c.mn, c.factor
FROM ways w
LEFT JOIN due d ON d.case_id = w.case_id AND d.seq = w.seq
LEFT JOIN cases c ON c.case_id = w.case_id
