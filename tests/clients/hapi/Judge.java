import ca.uhn.hl7v2.DefaultHapiContext;
import ca.uhn.hl7v2.HL7Exception;
import ca.uhn.hl7v2.model.AbstractMessage;
import ca.uhn.hl7v2.model.GenericMessage;
import ca.uhn.hl7v2.model.Message;
import ca.uhn.hl7v2.model.Structure;
import ca.uhn.hl7v2.parser.PipeParser;
import ca.uhn.hl7v2.util.Terser;
import ca.uhn.hl7v2.validation.impl.ValidationContextFactory;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Set;

/**
 * Reads lines "kind TAB wanted MSA-1 TAB message TAB acknowledgement" (the last two in base64) and says of each, in the same
 * order, "ok TAB type" or "bad TAB type TAB why".
 */
public class Judge {
    private static final DefaultHapiContext CONTEXT = new DefaultHapiContext();
    private static PipeParser parser;

    public static void main(String[] args) throws Exception {
        CONTEXT.setValidationContext(ValidationContextFactory.defaultValidation());
        parser = CONTEXT.getPipeParser();
        PrintStream out = new PrintStream(System.out, true, "UTF-8");
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        for (String line; (line = in.readLine()) != null;) {
            String[] part = line.split("\t");
            String message = text(part[2]), judged = text(part[3]), why = null, type = "?";
            try {
                type = typeOf(message);
                why = part[0].equals("made") ? judgeMade(message) : judgeAck(part[0], part[1], message, judged);
            } catch (HL7Exception e) {
                why = e.getClass().getSimpleName() + ": " + e.getMessage();
            } catch (RuntimeException e) {
                why = e.toString();
            }
            out.println(why == null ? "ok\t" + type : "bad\t" + type + "\t" + why.replaceAll("[\\p{Cntrl}]", " "));
        }
    }

    private static String text(String base64) {
        return base64.equals("-") ? "" : new String(Base64.getDecoder().decode(base64), StandardCharsets.UTF_8);
    }

    /** MSH-9 with its trigger, without structure: by hand, so that a message HAPI cannot parse has a name, too. */
    private static String typeOf(String message) {
        String[] field = message.split("\r")[0].split(java.util.regex.Pattern.quote(message.substring(3, 4)), -1);
        String[] part = field[8].split(java.util.regex.Pattern.quote(field[1].substring(0, 1)), -1);
        return part[0] + (part.length > 1 ? "^" + part[1] : "");
    }

    /** Its own structure, default validation, nothing that the structure does not know, and the same when written again. */
    private static String judgeMade(String message) throws HL7Exception {
        Message m = parser.parse(message);
        if (m instanceof GenericMessage)
            return "HAPI knows no structure for it";
        Set<String> extra = ((AbstractMessage) m).getNonStandardNames();
        if (!extra.isEmpty())
            return "segments that do not belong: " + String.join(" ", extra);
        for (String name : m.getNames())
            if (m.isRequired(name) && m.get(name).isEmpty())
                return "required and not there: " + name;
        return m.encode().equals(message) ? null : "written again it differs";
    }

    private static String judgeAck(String kind, String code, String message, String judged) throws HL7Exception {
        Message request = parser.parse(message), ack = parser.parse(judged);
        Terser from = new Terser(request), to = new Terser(ack);
        if (!ack.getName().equals("ACK"))
            return "it is a " + ack.getName();
        String why = same("MSA-1", code, to.get("/MSA-1"));
        why = why != null ? why : same("MSA-2", from.get("/MSH-10"), to.get("/MSA-2"));
        why = why != null ? why : same("MSH-3", from.get("/MSH-5"), to.get("/MSH-3"));
        why = why != null ? why : same("MSH-4", from.get("/MSH-6"), to.get("/MSH-4"));
        why = why != null ? why : same("MSH-5", from.get("/MSH-3"), to.get("/MSH-5"));
        why = why != null ? why : same("MSH-6", from.get("/MSH-4"), to.get("/MSH-6"));
        why = why != null ? why : same("MSH-11", from.get("/MSH-11"), to.get("/MSH-11"));
        why = why != null ? why : same("MSH-12", from.get("/MSH-12"), to.get("/MSH-12"));
        if (why != null)
            return why;
        if (to.get("/MSH-10") == null || to.get("/MSH-7") == null)
            return "MSH-7 or MSH-10 is empty";
        boolean nack = kind.equals("nack");
        if (nack != (to.get("/MSA-3") != null))
            return "MSA-3 is " + to.get("/MSA-3");
        /* What Google's stores answer has no ERR segment; HAPI's structure has a place for one. */
        for (Structure s : ack.getAll("ERR"))
            if (!s.isEmpty())
                return "it has an ERR segment";
        return null;
    }

    private static String same(String field, String wanted, String got) {
        return wanted == null ? (got == null ? null : field + " is " + got) : wanted.equals(got) ? null : field + " is " + got + ", not " + wanted;
    }
}
