import java.io.PrintWriter;

/** Google's Java client of Pub/Sub against the local cloud. */
public final class Suite {
    public static void main(String[] args) throws Exception {
        var hub = new Hub();
        AdminCases.add(hub);
        DeliveryCases.add(hub);
        int status = Cases.runAll(new PrintWriter(System.out, true));
        Runtime.getRuntime().halt(status);
    }
}
